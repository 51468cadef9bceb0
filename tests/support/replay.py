#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Replay a recorded conversation between a host and a runner through `fntrace tap`.

    replay.py child TRANSCRIPT      be the runner: send its messages, expect the host's
    replay.Host(command, path)      be the host, in a test

Each side sends its next message only when it has received all messages before it in the
transcript, so the order is as recorded. Each byte received is compared.

A transcript has an object per line: "dir" is "host" or "fn"; the message is in "line", to be
sent with a newline, or in "body", to be sent after a Content-Length header.
"""
import json
import subprocess
import sys
import threading


def framed(entry):
    if "line" in entry:
        return entry["line"].encode() + b"\n"
    body = entry["body"].encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def read_transcript(path):
    """A list of (True if the host sends the message, its bytes with their framing)."""
    with open(path, encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return [(entry["dir"] == "host", framed(entry)) for entry in entries]


def play(transcript, as_host, source, sink):
    """Send our messages and expect the other side's. Raises ValueError at the first
    difference."""
    for number, (by_host, message) in enumerate(transcript, 1):
        if by_host == as_host:
            sink.write(message)
            sink.flush()
            continue
        got = source.read(len(message))
        if got != message:
            raise ValueError(f"message {number}: expected {message!r}, got {got!r}")


def be_child(path):
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    try:
        play(read_transcript(path), False, source, sink)
        rest = source.read()
        if rest:
            raise ValueError(f"the host sent more: {rest[:100]!r}")
    except ValueError as error:
        print(f"replay child: {path}: {error}", file=sys.stderr)
        return 3
    return 0


class Host:
    """A host that sends and receives in a thread of its own."""

    def __init__(self, command, path):
        self.path = path
        self.error = None
        self.process = subprocess.Popen(
            command + [sys.executable, __file__, "child", path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            play(read_transcript(self.path), True, self.process.stdout,
                 self.process.stdin)
            self.process.stdin.close()
            rest = self.process.stdout.read()
            if rest:
                raise ValueError(f"the runner sent more: {rest[:100]!r}")
        except (ValueError, OSError) as error:
            self.error = error
            self.process.kill()

    def finish(self):
        """What went wrong, or None."""
        self.thread.join()
        status = self.process.wait()
        if self.error:
            return f"{self.path}: {self.error}"
        if status:
            return f"{self.path}: exit status {status}"
        return None


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "child":
        sys.exit(f"usage: {sys.argv[0]} child TRANSCRIPT")
    sys.exit(be_child(sys.argv[2]))
