#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`fntrace tap`: ends of file, exits of the host, of the command and of tap. What a host can
see of it is compared with the command alone in tap_pairs.py."""
import os
import select
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import FNTRACE, TIMEOUT_S, case, check, run, wait_until  # noqa: E402
from taps import PIPE, python, tap, through  # noqa: E402

# ---- ends


@case
def stdin_ends():
    out, status = through(["sh", "-c", "cat >/dev/null; echo done"], b"abc")
    check((out, status) == (b"done\n", 0), f"{out!r} {status}")


@case
def cmd_closes_stdout():
    """The host sees the end of file, and its input still reaches CMD."""
    path = os.path.join(os.environ["FNTRACE_DIR"], "received")
    process = tap("sh", "-c", 'echo last; exec >&-; cat >"$0"', path)
    check(process.stdout.read() == b"last\n")
    check(process.poll() is None, "ended with CMD's stdout")
    # The descriptor is not left free for the next file that is opened.
    check(os.readlink(f"/proc/{process.pid}/fd/1") == "/dev/null")
    process.stdin.write(b"still here")
    process.stdin.close()
    check(process.wait(TIMEOUT_S) == 0)
    with open(path, "rb") as received:
        check(received.read() == b"still here")


@case
def host_stops_reading():
    """CMD gets SIGPIPE, as it would without tap, and tap dies of the same signal."""
    process = tap("yes")
    process.stdout.read(10)
    process.stdout.close()
    check(process.wait(TIMEOUT_S) == -signal.SIGPIPE, f"{process.returncode}")


@case
def host_closes_before_cmd_writes():
    """CMD sees by poll that the host has closed the pipe, without writing."""
    process = python("import select\n"
                     "poll = select.poll(); poll.register(1, 0)\n"
                     "raise SystemExit(poll.poll()[0][1])")
    process.stdout.close()
    check(process.wait(TIMEOUT_S) & select.POLLERR, f"{process.returncode}")


@case
def cmd_closes_stdin_before_the_host_writes():
    process = tap("sh", "-c", "exec <&-; exec sleep 1000")
    poll = select.poll()
    poll.register(process.stdin, 0)
    events = poll.poll(TIMEOUT_S * 1000)
    check(events and events[0][1] & select.POLLERR, f"{events}")
    check(process.poll() is None, "ended with CMD's stdin")
    process.terminate()
    check(process.wait(TIMEOUT_S) == -signal.SIGTERM)


@case
def cmd_closes_stdin():
    process = python("import os, sys\n"
                     "os.close(0); print('closed', flush=True)\n"
                     "import signal; signal.pause()")
    process.stdout.readline()

    def refused():
        try:
            os.write(process.stdin.fileno(), b"x")
        except BrokenPipeError:
            return True
        return False

    wait_until(refused, "EPIPE")
    check(process.poll() is None)
    process.terminate()
    check(process.wait(TIMEOUT_S) == -signal.SIGTERM)


@case
def grandchild_holds_the_pipe():
    process = tap("sh", "-c", 'sleep 1000 2>/dev/null & echo $!; exit 5')
    grandchild = int(process.stdout.readline())
    try:
        check(process.wait(TIMEOUT_S) == 5)
    finally:
        os.kill(grandchild, signal.SIGKILL)


def check_last_output(*sizes):
    """CMD writes pieces of these sizes and ends, while its child still holds its stdout open.
    The host reads only after that."""
    path = os.path.join(os.environ["FNTRACE_DIR"], f"pid{len(sizes)}")
    process = tap("sh", "-c", 'sleep 1000 2>/dev/null & echo $$ $! >"$0.new"\n'
                  'mv "$0.new" "$0"; for size; do head -c $size /dev/zero; sleep 0.2\n'
                  'done; exit 5', path, *map(str, sizes))
    wait_until(lambda: os.path.exists(path), "CMD")
    with open(path, encoding="ascii") as file:
        child, grandchild = map(int, file.read().split())
    try:
        wait_until(lambda: not os.path.exists(f"/proc/{child}"), "the end of CMD")
        out = process.stdout.read(sum(sizes))
        check(len(out) == sum(sizes), f"{len(out)} bytes")
        check(process.wait(TIMEOUT_S) == 5)
    finally:
        process.kill()
        os.kill(grandchild, signal.SIGKILL)
    check(process.stdout.read() == b"")


@case
def last_output_in_the_buffer_of_tap():
    check_last_output(65536, 1000)


@case
def last_output_in_the_pipe():
    check_last_output(65536, 1000, 60000)


@case
def exit_status():
    for status in (0, 1, 2, 77, 255):
        check(through(["sh", "-c", f"exit {status}"], b"")[1] == status)


@case
def death_by_signal():
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGHUP,
                   signal.SIGPIPE, signal.SIGRTMIN):
        _, status = through(["sh", "-c", f"kill -{int(number)} $$"], b"")
        check(status == -number, f"{number}: {status}")


@case
def cannot_run():
    out, status = through(["fntrace-no-such-program"], b"", stderr=subprocess.DEVNULL)
    check((out, status) == (b"", 127), f"{status}")
    _, status = through(["/etc/passwd"], b"", stderr=subprocess.DEVNULL)
    check(status == 126, f"{status}")
    process = tap("fntrace-no-such-program", stderr=PIPE)
    check(b"fntrace-no-such-program" in process.communicate(timeout=TIMEOUT_S)[1])
    # A misspelt command leaves no region behind.
    process = subprocess.run([FNTRACE, "tap", "--", "fntrace-no-such-program"],
                             stderr=subprocess.DEVNULL)
    check(process.returncode == 127, f"{process.returncode}")
    names = os.listdir(os.environ["FNTRACE_DIR"])
    check(not any("no-such" in name for name in names), f"{names}")


@case
def cmd_starts_as_without_tap():
    """Signal mask, ignored signals and open descriptors are the same."""
    look = ["sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd"]

    def set_up():
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGCHLD])

    plain = subprocess.run(look, stdin=PIPE, stdout=PIPE, check=True, preexec_fn=set_up).stdout
    out, status = through(look, b"", preexec_fn=set_up)
    check(status == 0 and out == plain, f"{out!r}, without tap {plain!r}")


if __name__ == "__main__":
    harness.main()
