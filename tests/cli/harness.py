# SPDX-License-Identifier: MIT
"""Shared by the Python tests of the command line: cases, TAP output, and a region directory
for each case."""
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FNTRACE = os.environ.get("FNTRACE", "")
TIMEOUT_S = 60  # after that a case hangs

cases = []


def case(function):
    cases.append(function)
    return function


def check(condition, message=""):
    if not condition:
        raise AssertionError(message)


def run(*args, expect=0, **options):
    """Run `fntrace ARGS`, check its exit status, return its stdout as text."""
    done = subprocess.run([FNTRACE, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=TIMEOUT_S, **options)
    check(done.returncode == expect,
          f"fntrace {' '.join(args)}: {done.returncode}: {done.stderr.decode()[-2000:]}")
    return done.stdout.decode()


def wait_until(condition, what):
    """Call `condition()` until it is true; return its value."""
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"timed out waiting for {what}")


@contextlib.contextmanager
def region_directory():
    path = tempfile.mkdtemp(prefix="fntrace-test-")
    os.environ["FNTRACE_DIR"] = path
    os.environ.pop("FNTRACE_REGION", None)
    try:
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)


def give_up(*_):
    raise TimeoutError("hangs")


def children():
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(FileNotFoundError), \
                open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
            yield from map(int, file.read().split())


def end_children():
    """Kill the processes a case has left running. Orphaned grandchildren are ours too, since
    this process is a subreaper."""
    while pids := list(children()):
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def main():
    if not FNTRACE or not os.access(FNTRACE, os.X_OK):
        print("1..0 # SKIP $FNTRACE is not a program")
        sys.exit(77)
    wanted = sys.argv[1:]
    chosen = [c for c in cases if not wanted or c.__name__ in wanted]
    failed = 0
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
    signal.signal(signal.SIGALRM, give_up)
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        word = "ok"
        with region_directory():
            signal.alarm(TIMEOUT_S)
            try:
                function()
            except Exception:  # pylint: disable=broad-except
                word = "not ok"
                failed += 1
                for line in traceback.format_exc().splitlines():
                    print(f"# {line}")
            signal.alarm(0)
            end_children()
        print(f"{word} {number} - {function.__name__}", flush=True)
    # sys.exit would wait for threads that hang.
    os._exit(1 if failed else 0)
