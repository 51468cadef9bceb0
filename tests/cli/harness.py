# SPDX-License-Identifier: MIT
"""What the tests of the command line share: cases, TAP out, a region directory each."""
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FNTRACE = os.environ.get("FNTRACE", "")
PATIENCE_S = 120  # only to end what hangs

cases = []


def case(function):
    cases.append(function)
    return function


def check(condition, message=""):
    if not condition:
        raise AssertionError(message)


def run(*args, expect=0, **options):
    """`fntrace ARGS`: its stdout, as text."""
    done = subprocess.run([FNTRACE, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE_S, **options)
    check(done.returncode == expect,
          f"fntrace {' '.join(args)}: {done.returncode}: {done.stderr.decode()[-2000:]}")
    return done.stdout.decode()


def wait_until(condition, what):
    """`condition()`'s first true value."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited in vain for {what}")


@contextlib.contextmanager
def region_directory():
    path = tempfile.mkdtemp(prefix="fntrace-test-")
    os.environ["FNTRACE_DIR"] = path
    os.environ.pop("FNTRACE_REGION", None)
    try:
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)


def main():
    if not FNTRACE or not os.access(FNTRACE, os.X_OK):
        print("1..0 # SKIP $FNTRACE is no program")
        sys.exit(77)
    wanted = sys.argv[1:]
    chosen = [c for c in cases if not wanted or c.__name__ in wanted]
    failed = 0
    print(f"1..{len(chosen)}")
    for number, function in enumerate(chosen, 1):
        word = "ok"
        with region_directory():
            try:
                function()
            except Exception:  # pylint: disable=broad-except
                word = "not ok"
                failed += 1
                for line in traceback.format_exc().splitlines():
                    print(f"# {line}")
        print(f"{word} {number} - {function.__name__}", flush=True)
    sys.exit(1 if failed else 0)
