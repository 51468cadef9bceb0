# SPDX-License-Identifier: MIT
"""Shared by the tests of `fntrace tap`: run a command under it."""
import json
import signal
import subprocess
import sys

from harness import FNTRACE, TIMEOUT_S, check, run

PIPE = subprocess.PIPE
MIB = 1 << 20


def tap(*command, options=("-r", "t"), prefix=(), **more):
    more.setdefault("stdin", PIPE)
    more.setdefault("stdout", PIPE)
    return subprocess.Popen([*prefix, FNTRACE, "tap", *options, "--", *command], **more)


def python(code, *args, **more):
    return tap(sys.executable, "-c", code, *args, **more)


def through(command, data, **more):
    """The output of `command` under tap for the input `data`, and its exit status."""
    process = tap(*command, **more)
    out, _ = process.communicate(data, timeout=TIMEOUT_S)
    return out, process.returncode


def check_echo(data):
    out, status = through(["cat"], data)
    check(status == 0, f"exit status {status}")
    check(out == data, f"{len(data)} bytes went in, {len(out)} came out or differ")


def traces(command="recent", region="t"):
    options = ["-n", "1000"] if command == "recent" else []
    return json.loads(run(command, "-r", region, *options, "--json"))


# nohup ignores SIGHUP, and children inherit that; the tests need it to kill.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
