#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`fntrace tap -- CMD` against CMD alone: each case runs a program both ways, and what its host
can see of it must be the same."""
import ctypes
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import FNTRACE, TIMEOUT_S, case, check, wait_until  # noqa: E402

PIPE = subprocess.PIPE
TAP = [FNTRACE, "tap", "-r", "t", "--"]


def pair(look):
    """A case: look(prefix) starts `prefix + CMD` and returns what the host sees of it."""
    def compare():
        plain, tapped = look([]), look(TAP)
        check(plain == tapped, f"alone: {plain!r}\n#  under tap: {tapped!r}")
    compare.__name__ = look.__name__
    case(compare)
    return look


def start(prefix, *command, **more):
    more.setdefault("stdin", PIPE)
    more.setdefault("stdout", PIPE)
    return subprocess.Popen([*prefix, *command], **more)


def python(prefix, code, *args, **more):
    return start(prefix, sys.executable, "-c", code, *args, **more)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def ended(pid):
    """Whether the process is gone, or goes within a moment."""
    end = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.005)
    return not is_alive(pid)


def settle(pid):
    """Wait until no signal is pending for it: the kernel keeps only one of each number."""
    def nothing_is_pending():
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            return "ShdPnd:\t0000000000000000\n" in status.read()
    wait_until(nothing_is_pending, "pending signals")


# ---- one signal, to the process or to its group

# Says who it is, then which signals it gets, each with the value that came along.
LISTENER = """
import ctypes, os, signal, sys
numbers = [int(n) for n in sys.argv[1:]]
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
os.write(1, b"%d\\n" % os.getpid())
while True:
    info = signal.sigwaitinfo(numbers)
    os.write(1, b"%d\\n" % info.si_signo)
    if info.si_signo == signal.SIGUSR2: break
"""

# All that can be caught, but for those that stop and continue and the two of glibc.
CAUGHT = [number for number in range(1, signal.SIGRTMAX + 1)
          if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGCONT, 32, 33)]
STOPPING = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


def listener(prefix, numbers, **more):
    process = python(prefix, LISTENER, *map(str, numbers), **more)
    process.child = int(process.stdout.readline())
    return process


def each_signal(prefix, send):
    """What CMD gets of each signal in turn. A second one would come before SIGUSR2."""
    process = listener(prefix, CAUGHT, start_new_session=True)
    got = []
    for number in CAUGHT:
        if number != signal.SIGUSR2:
            send(process.pid, number)
            got.append(process.stdout.readline())
    os.kill(process.pid, signal.SIGUSR2)
    got.append(process.stdout.read())
    return got, process.wait(TIMEOUT_S)


@pair
def signals_to_the_process(prefix):
    return each_signal(prefix, os.kill)


@pair
def signals_to_the_group(prefix):
    return each_signal(prefix, os.killpg)


@pair
def signals_to_the_group_of_the_host(prefix):
    """The host has a group of its own, which CMD belongs to."""
    read, write = os.pipe()
    host = os.fork()
    if host == 0:
        os.setpgid(0, 0)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        process = listener(prefix, [15, 2, 12])
        os.killpg(0, signal.SIGTERM)
        seen = process.stdout.readline()
        os.killpg(0, signal.SIGINT)
        seen += process.stdout.readline()
        settle(process.pid)
        os.kill(process.pid, signal.SIGTERM)
        seen += process.stdout.readline()
        os.kill(process.pid, signal.SIGUSR2)
        os.write(write, seen + process.stdout.read())
        os._exit(process.wait())
    os.close(write)
    with os.fdopen(read, "rb") as seen:
        result = seen.read()
    return result, os.waitpid(host, 0)[1]


@pair
def a_value_comes_along_and_real_time_signals_queue(prefix):
    code = """
import ctypes, os, signal
libc = ctypes.CDLL(None)
signal.pthread_sigmask(signal.SIG_BLOCK, [34, 35, 10])
print("ready", flush=True)
class Info(ctypes.Structure):
    _fields_ = [("head", ctypes.c_int * 3), ("pad", ctypes.c_int), ("who", ctypes.c_int * 2),
                ("value", ctypes.c_int), ("rest", ctypes.c_char * 100)]
mask = ctypes.create_string_buffer(128)
for number in (34, 35, 10): libc.sigaddset(mask, number)
info = Info()
while (number := libc.sigwaitinfo(mask, ctypes.byref(info))) != 10:
    print(number, info.value, flush=True)
"""
    process = python(prefix, code)
    process.stdout.readline()
    libc = ctypes.CDLL(None, use_errno=True)
    for value in range(20):
        check(libc.sigqueue(process.pid, 34 + value % 2, ctypes.c_void_p(value)) == 0)
    seen = sorted(process.stdout.readline() for _ in range(20))
    process.send_signal(signal.SIGUSR1)
    return seen, process.stdout.read(), process.wait(TIMEOUT_S)


# ---- death


@pair
def death_by_each_signal(prefix):
    """A program that catches none dies of the signal that its host sends, and so does tap."""
    seen = []
    for number in [*CAUGHT, signal.SIGKILL, 32, 33]:
        if number in STOPPING:
            continue
        process = start(prefix, "sh", "-c", "ulimit -c 0; echo $$; exec sleep 1000")
        child = int(process.stdout.readline())
        process.send_signal(number)
        try:
            status = process.wait(0.3 if number in (17, 23, 28) else TIMEOUT_S)
        except subprocess.TimeoutExpired:
            status = "lives on"
            process.kill()
            process.wait()
        seen.append((int(number), status, ended(child)))
    return seen


@pair
def killed_while_it_starts(prefix):
    """However early the kill comes, nothing is left."""
    read, write = os.pipe()
    for i in range(100):
        process = start(prefix, "sleep", "1000", pass_fds=[write], stdin=subprocess.DEVNULL)
        time.sleep(i * 0.0002)
        process.kill()
        process.wait(TIMEOUT_S)
        process.stdout.close()
    os.close(write)
    ready, _, _ = select.select([read], [], [], 10)
    os.close(read)
    return "all gone" if ready else "some live on"


@pair
def killed_with_its_group(prefix):
    """Grandchildren die with the group, as they belong to it."""
    process = start(prefix, "sh", "-c", "sleep 1000 & echo $! $$; wait", start_new_session=True)
    pids = [int(pid) for pid in process.stdout.readline().split()]
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait(TIMEOUT_S), [ended(pid) for pid in pids], process.stdout.read()


@pair
def killed_alone(prefix):
    """A grandchild that holds no pipe survives, as without tap."""
    process = start(prefix, "sh", "-c", "sleep 1000 >/dev/null & echo $! $$; wait")
    grandchild, child = [int(pid) for pid in process.stdout.readline().split()]
    process.kill()
    return process.wait(TIMEOUT_S), ended(child), is_alive(grandchild)


@pair
def an_alarm_from_before(prefix):
    """A timer that the host set before it executed the command."""
    process = start(prefix, "sh", "-c", "echo up; exec sleep 1000",
                    preexec_fn=lambda: signal.setitimer(signal.ITIMER_REAL, 0.5))
    return process.stdout.read(), process.wait(TIMEOUT_S)


# ---- stop and continue


def state(process):
    """What a shell that waits for it is told next."""
    _, status = os.waitpid(process.pid, os.WUNTRACED | os.WCONTINUED)
    if os.WIFSTOPPED(status):
        return "stopped", os.WSTOPSIG(status)
    if os.WIFCONTINUED(status):
        return ("continued",)
    return "ended", status


def child_state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        word = stat.read().rsplit(")", 1)[1].split()[0]
    return "T" if word == "T" else "runs"


# SIGTSTP, SIGTTIN and SIGTTOU do not stop a group without a parent in its session, so the host
# is in the session here.
def in_session_of(look):
    def with_prefix(prefix):
        read, write = os.pipe()
        host = os.fork()
        if host == 0:
            os.setsid()
            os.write(write, repr(look(prefix)).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as seen:
            result = seen.read()
        os.waitpid(host, 0)
        return result
    with_prefix.__name__ = look.__name__
    return with_prefix


def stops_of(number, send):
    def look(prefix):
        process = listener(prefix, [signal.SIGUSR2], preexec_fn=lambda: os.setpgid(0, 0))
        seen = []
        for _ in range(3):
            send(process.pid, number)
            seen += [state(process)]
            wait_until(lambda: child_state(process.child) == "T", "the child to stop")
            send(process.pid, signal.SIGCONT)
            seen += [state(process)]
        wait_until(lambda: child_state(process.child) != "T", "the child to go on")
        send(process.pid, signal.SIGUSR2)
        return seen, process.stdout.read(), state(process)
    return look


@pair
@in_session_of
def killed_while_stopped(prefix):
    process = listener(prefix, [12], preexec_fn=lambda: os.setpgid(0, 0))
    process.send_signal(signal.SIGTSTP)
    seen = state(process)
    process.kill()
    return seen, state(process), ended(process.child)


@pair
@in_session_of
def stopped_alone(prefix):
    return [stops_of(number, os.kill)(prefix) for number in STOPPING]


@pair
@in_session_of
def stopped_with_its_group(prefix):
    return [stops_of(number, os.killpg)(prefix) for number in (*STOPPING, signal.SIGSTOP)]


@pair
@in_session_of
def a_program_that_does_not_stop(prefix):
    """It catches SIGTSTP and goes on. SIGCONT comes once."""
    process = listener(prefix, [signal.SIGTSTP, signal.SIGCONT, signal.SIGUSR2],
                       preexec_fn=lambda: os.setpgid(0, 0))
    seen = []
    for send in (os.kill, os.killpg):
        for number in (signal.SIGTSTP, signal.SIGCONT):
            send(process.pid, number)
            seen.append(process.stdout.readline())
    process.send_signal(signal.SIGUSR2)
    return seen, process.stdout.read(), state(process)


# ---- terminals


def on_terminal(prefix, *command, **more):
    """The leader of a session on a terminal of its own; stdout goes to a pipe."""
    master, slave = pty.openpty()

    def take_terminal():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    process = start(prefix, *command, stdin=slave, preexec_fn=take_terminal, **more)
    os.close(slave)
    return process, master


@pair
def keys_of_the_terminal(prefix):
    process, master = on_terminal(prefix, sys.executable, "-c", LISTENER, "2", "3", "28", "12")
    process.stdout.readline()
    seen = []
    for key in (b"\x03", b"\x1c"):
        os.write(master, key)
        seen.append(process.stdout.readline())
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 20, 0, 0))
    seen.append(process.stdout.readline())
    process.send_signal(signal.SIGUSR2)
    seen.append(process.stdout.read())
    os.close(master)
    return seen, process.wait(TIMEOUT_S)


@pair
def the_terminal_hangs_up(prefix):
    """SIGHUP goes to the leader of the session alone."""
    process, master = on_terminal(prefix, sys.executable, "-c", LISTENER, "1", "12")
    process.stdout.readline()
    os.close(master)
    seen = process.stdout.readline()
    process.send_signal(signal.SIGUSR2)
    return seen, process.stdout.read(), process.wait(TIMEOUT_S)


@pair
def the_terminal_hangs_up_on_one_that_catches_nothing(prefix):
    process, master = on_terminal(prefix, "sh", "-c", "echo up; exec sleep 1000")
    process.stdout.readline()
    os.close(master)
    return process.wait(TIMEOUT_S), process.stdout.read()


def converse(master, shell, steps):
    """Type lines into an interactive shell; each waits for a text that must come after it."""
    got = b""

    def read_until(text, start_at):
        nonlocal got
        end = time.monotonic() + 20
        while text not in got[start_at:]:
            ready, _, _ = select.select([master], [], [], max(0, end - time.monotonic()))
            check(ready, f"no {text!r} after {got[-500:]!r}")
            got += os.read(master, 65536)

    for line, text in steps:
        at = len(got)
        os.write(master, line + b"\n")
        read_until(text, at)
    os.write(master, b"exit\nexit\n")
    shell.wait(TIMEOUT_S)
    return got


def interactive(command, steps):
    master, slave = pty.openpty()

    def take_terminal():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    with open("command", "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in command) + ' "$@"\n')
    os.chmod("command", 0o755)
    shell = subprocess.Popen(["bash", "--norc", "--noprofile", "-i"], stdin=slave, stdout=slave,
                             stderr=slave, preexec_fn=take_terminal,
                             env={**os.environ, "PS1": "$ ", "TERM": "dumb", "HISTFILE": ""})
    os.close(slave)
    got = converse(master, shell, steps)
    os.close(master)
    return got


def in_directory(look):
    def inside(prefix):
        before = os.getcwd()
        os.chdir(os.environ["FNTRACE_DIR"])
        try:
            return look(prefix)
        finally:
            os.chdir(before)
    inside.__name__ = look.__name__
    return inside


@pair
@in_directory
def in_the_background_of_a_shell(prefix):
    """`CMD &` runs, does not stop, and dies by `kill %1`; what is typed is the shell's."""
    got = interactive([*prefix, "sleep"], [
        (b"./command 1000 & echo started", b"started\r\n"),
        (b"sleep 0.5; echo typed", b"typed\r\n"),
        (b"jobs -r | grep -c Running", b"\r\n1\r\n"),
        (b"kill %1; wait %1; echo status $?", b"status 143"),
    ])
    return b"Stopped" in got, b"Terminated" in got


@pair
@in_directory
def in_the_foreground_of_a_shell(prefix):
    """^Z, bg, fg and ^C."""
    got = interactive([*prefix, "sh", "-c", "echo up; exec sleep 1000"], [
        (b"./command", b"up\r\n"),
        (b"\x1a", b"Stopped"),
        (b"bg; echo in back", b"in back\r\n"),
        (b"jobs -r | grep -c Running", b"\r\n1\r\n"),
        (b"fg", b"./command"),
        (b"\x03", b"$ "),
        (b"echo status $?", b"status 130"),
    ])
    return got.count(b"Stopped")


# ---- the end of streams


@pair
def a_grandchild_writes_after_the_end(prefix):
    """Its bytes are passed on, and the exit status comes at once."""
    process = start(prefix, "sh", "-c", "(read -r go <fifo; echo late; sleep 0.2; echo later) &\n"
                    "echo first; exit 5", stdin=subprocess.DEVNULL, cwd=fifo())
    status = process.wait(TIMEOUT_S)
    first = process.stdout.readline()
    with open(os.path.join(os.environ["FNTRACE_DIR"], "fifo"), "w", encoding="ascii") as go:
        go.write("\n")
    return status, first, process.stdout.read()


def fifo():
    """A directory with a fifo in it."""
    path = os.path.join(os.environ["FNTRACE_DIR"], "fifo")
    if not os.path.exists(path):
        os.mkfifo(path)
    return os.environ["FNTRACE_DIR"]


@pair
def a_grandchild_writes_much_after_the_end(prefix):
    process = start(prefix, "sh", "-c", "(sleep 0.1; head -c 3000000 /dev/zero) & exit 0",
                    stdin=subprocess.DEVNULL)
    status = process.wait(TIMEOUT_S)
    return status, len(process.stdout.read())


@pair
def a_grandchild_reads_after_the_end(prefix):
    process = start(prefix, "sh", "-c", "exec 3<&0; cat <&3 & exit 0")
    status = process.wait(TIMEOUT_S)
    process.stdin.write(b"still read")
    process.stdin.close()
    return status, process.stdout.read()


@pair
def the_host_stops_reading_from_a_grandchild(prefix):
    process = start(prefix, "sh", "-c", "(sleep 0.2; exec yes) & echo $!; exit 0",
                    stdin=subprocess.DEVNULL)
    grandchild = int(process.stdout.readline())
    status = process.wait(TIMEOUT_S)
    process.stdout.close()
    return status, ended(grandchild)


@pair
def stderr_ends_with_the_command(prefix):
    process = start(prefix, "sh", "-c", "(exec 2>&-; sleep 1000) & echo $!; echo said >&2",
                    stderr=PIPE, stdin=subprocess.DEVNULL)
    seen = process.stderr.read(), process.wait(TIMEOUT_S)
    os.kill(int(process.stdout.readline()), signal.SIGKILL)
    return seen, process.stdout.read()


@pair
def a_fifo_open_for_reading_and_writing(prefix):
    """It has no end of file, whoever closes it."""
    fd = os.open(os.path.join(fifo(), "fifo"), os.O_RDWR)
    process = python(prefix, "import os, select\n"
                     "print(os.read(0, 9))\n"
                     "print(select.select([0], [], [], 0.5)[0], flush=True)\n", stdin=fd)
    os.write(fd, b"x")
    os.close(fd)
    return process.stdout.read(), process.wait(TIMEOUT_S)


@pair
def a_file_is_read_as_far_as_needed(prefix):
    """The next process that shares it goes on there."""
    path = os.path.join(os.environ["FNTRACE_DIR"], "input")
    with open(path, "wb") as file:
        file.write(bytes(range(256)) * 2000)
    with open(path, "rb", buffering=0) as source:
        seen = []
        for count in (0, 1, 1000):
            process = start(prefix, "dd", "bs=1000", f"count={count}", "status=none",
                            stdin=source)
            seen += [len(process.stdout.read()), process.wait(TIMEOUT_S),
                     os.lseek(source.fileno(), 0, os.SEEK_CUR)]
    return seen


@pair
def further_descriptors_are_the_commands(prefix):
    """It closes one of them: the host sees the end of file while the command runs."""
    read, write = os.pipe()
    process = start(prefix, "sh", "-c", f"exec {write}>&-; echo closed; read -r line",
                    pass_fds=[write])
    os.close(write)
    process.stdout.readline()
    ready, _, _ = select.select([read], [], [], 10)
    process.stdin.close()
    os.close(read)
    return bool(ready), process.wait(TIMEOUT_S)


# ---- where the kernel refuses

BPF_ALLOW, BPF_ERRNO = 0x7fff0000, 0x00050000


def refuse(*numbers):
    """Make these system calls (of x86-64) fail with EPERM from now on."""
    code = [(0x20, 0, 0, 0)]
    for number in numbers:
        code += [(0x15, 0, 1, number), (0x06, 0, 0, BPF_ERRNO | 1)]
    code += [(0x06, 0, 0, BPF_ALLOW)]
    text = b"".join(struct.pack("HBBI", *one) for one in code)
    buffer = ctypes.create_string_buffer(text, len(text))
    program = struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None)
    libc.prctl(38, 1, 0, 0, 0)
    if libc.prctl(22, 2, ctypes.create_string_buffer(program, len(program)), 0, 0):
        os._exit(99)


SIGNALFD, SIGNALFD4, PPOLL = 282, 289, 271


def without(numbers):
    def look(prefix):
        process = listener(prefix, [15, 12], preexec_fn=lambda: refuse(*numbers))
        process.send_signal(signal.SIGTERM)
        seen = process.stdout.readline()
        process.send_signal(signal.SIGUSR2)
        return seen, process.stdout.read(), process.wait(TIMEOUT_S)
    return look


if os.uname().machine == "x86_64":
    @pair
    def without_signalfd(prefix):
        return without([SIGNALFD, SIGNALFD4])(prefix)

    @pair
    def without_ppoll(prefix):
        return without([PPOLL])(prefix)


if __name__ == "__main__":
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    harness.main()
