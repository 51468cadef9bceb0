#!/usr/bin/env python3
"""Let each system call and each allocation of a host and of the tool fail in turn.

    inject.py INJECT PRELOAD LIFE [--all | --cases N] [--seed N] [SUBJECT]...

A subject is a command of the tool, or `life`: all that a host does with a log. Each runs
once undisturbed, which tells how often it makes which call. Then one of these calls, or
all from one on, fail with each errno that is plausible. Whatever fails: the program
neither is killed nor hangs; it fails with a message, or prints what it prints otherwise;
the region is sound, its counts are right, and the next run works.

Without --all a part of the cases is tried, another one with each seed (default 1): N of each command
(default 16) and four times as many of `life`.
"""

import argparse
import concurrent.futures
import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

FNTRACE, PRODUCE = os.environ["FNTRACE"], os.environ["PRODUCE"]
LIMIT_S = 60  # a hang, on a loaded machine

# x86-64. The errnos are those that sandboxes, limits and full disks give.
CALLS = {
    "read": (0, "EIO EPERM"), "write": (1, "ENOSPC EPERM EIO"), "fstat": (5, "EPERM ENOSYS"),
    "poll": (7, "EPERM ENOSYS"), "lseek": (8, "EPERM"), "mmap": (9, "ENOMEM EPERM EACCES"),
    "munmap": (11, "ENOMEM EPERM"), "rt_sigaction": (13, "EPERM"), "ioctl": (16, "ENOTTY EPERM"),
    "pread64": (17, "EIO EPERM"), "pwrite64": (18, "ENOSPC EPERM"), "writev": (20, "ENOSPC EPERM"),
    "access": (21, "EPERM ENOSYS"), "sched_yield": (24, "EPERM"), "madvise": (28, "EPERM ENOSYS"),
    "msync": (26, "EPERM EIO"), "dup": (32, "EMFILE EPERM"), "dup2": (33, "EMFILE EPERM"),
    "nanosleep": (35, "EPERM ENOSYS"), "sendfile": (40, "EPERM ENOSYS"),
    "socketpair": (53, "EPERM EMFILE"), "clone": (56, "EAGAIN EPERM"), "vfork": (58, "EAGAIN"),
    "kill": (62, "EPERM"), "uname": (63, "EPERM"), "fcntl": (72, "EINVAL EPERM ENOLCK"),
    "flock": (73, "EPERM ENOLCK"), "fsync": (74, "EIO EPERM"), "fdatasync": (75, "EIO EPERM"),
    "ftruncate": (77, "ENOSPC EPERM"), "getcwd": (79, "EPERM"), "rename": (82, "EACCES EPERM"),
    "mkdir": (83, "EACCES ENOSPC"), "link": (86, "EPERM"), "unlink": (87, "EACCES EPERM"),
    "readlink": (89, "EACCES ENOSYS"), "fchmod": (91, "EPERM"), "fchown": (93, "EPERM"),
    "sysinfo": (99, "EPERM"), "sigaltstack": (131, "EPERM"), "statfs": (137, "EPERM ENOSYS"),
    "fstatfs": (138, "EPERM ENOSYS"), "prctl": (157, "EPERM"),
    "sched_getaffinity": (204, "EPERM ENOSYS"), "getdents64": (217, "EIO EPERM"),
    "clock_gettime": (228, "EPERM ENOSYS"), "clock_nanosleep": (230, "EPERM ENOSYS"),
    "epoll_wait": (232, "EPERM"), "epoll_ctl": (233, "EPERM ENOMEM"),
    "inotify_add_watch": (254, "ENOSPC EPERM"), "openat": (257, "EACCES EMFILE EPERM ENOSYS"),
    "mkdirat": (258, "EACCES"), "newfstatat": (262, "EPERM ENOSYS EACCES"),
    "unlinkat": (263, "EACCES"), "linkat": (265, "EPERM EACCES"),
    "readlinkat": (267, "EACCES"), "faccessat": (269, "EPERM"), "ppoll": (271, "EPERM ENOSYS"),
    "timerfd_create": (283, "EPERM EMFILE"), "fallocate": (285, "ENOSPC EOPNOTSUPP EPERM"),
    "timerfd_settime": (286, "EPERM"), "signalfd4": (289, "EPERM ENOSYS EMFILE"),
    "eventfd2": (290, "EPERM EMFILE"), "epoll_create1": (291, "EPERM EMFILE"),
    "pipe2": (293, "EPERM EMFILE"), "inotify_init1": (294, "EPERM EMFILE"),
    "prlimit64": (302, "EPERM"), "renameat2": (316, "EACCES EINVAL"),
    "getrandom": (318, "EPERM ENOSYS"), "memfd_create": (319, "EPERM ENOSYS"),
    "membarrier": (324, "EPERM ENOSYS"), "copy_file_range": (326, "EPERM ENOSYS"),
    "statx": (332, "EPERM ENOSYS"), "clone3": (435, "ENOSYS EPERM"),
    "faccessat2": (439, "EPERM ENOSYS"),
}
NAMES = {number: name for name, (number, _) in CALLS.items()}
ONWARDS = 1 << 31

STORY = """begin c1 placeBid mutation u t
op c1 insert Bid 1 1 100 ok
ok c1 {"accepted":true}
begin c2 browse query
error c2 NOT_FOUND no\\ssuch\\slot
many 40 notify
begin c3 slow query
"""

inject, preload, life = (os.path.abspath(path) for path in sys.argv[1:4])
arguments = argparse.ArgumentParser()
arguments.add_argument("--all", action="store_true")
arguments.add_argument("--cases", type=int, default=16)
arguments.add_argument("--seed", type=int, default=1)
arguments.add_argument("subjects", nargs="*")
options = arguments.parse_args(sys.argv[4:])
WITH_PRELOAD = ["env", "LD_PRELOAD=" + preload]
tried, windows = 0, set()
lock = threading.Lock()


class Case:
    """What fails: calls FIRST to LAST of a number, or allocations (number 0)."""

    def __init__(self, number=0, code=0, first=0, last=0):
        self.number, self.code, self.first, self.last = number, code, first, last

    def __str__(self):
        what = NAMES.get(self.number, "allocation")
        how = errno.errorcode.get(self.code, "") if self.number else "NULL"
        return f"{what} {self.first}{'+' if self.last > self.first else ''} {how}"


class Outcome:
    """How a run ended."""

    def __init__(self, status, hung, counts, out, err):
        self.hung, self.counts, self.out, self.err = hung, counts, out, err
        self.signal = status & 127
        self.code = status >> 8


def run(command, where, case=Case()):
    """Run the command in the directory of regions `where`, with what the case lets fail."""
    result, count = os.path.join(where, ".result"), os.path.join(where, ".count")
    env = dict(os.environ, FNTRACE_DIR=where, INJECT_COUNT=count, LC_ALL="C")
    if case.first and not case.number:
        env["INJECT_ALLOC"] = f"{case.first}-{case.last}"
    plan = [case.number, case.code, case.first, case.last] if case.number else [0] * 4
    done = subprocess.run(
        [inject, result, str(LIMIT_S)] + [str(word) for word in plan]
        + command,
        env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        check=False, start_new_session=True)
    if done.returncode:
        raise SystemExit(done.returncode)
    with open(result, encoding="ascii") as file:
        words = file.readline().split()
        counts = {int(line.split()[0]): int(line.split()[1]) for line in file}
    with open(count, "rb") as file:
        counts[0] = int.from_bytes(file.read(8), "little")
    return Outcome(int(words[1]), words[3] == "1", counts,
                   done.stdout.decode("utf-8", "replace").replace(where, "DIR"),
                   done.stderr.decode("utf-8", "replace"))


def tool(where, *arguments):
    return subprocess.run([FNTRACE, *arguments], env=dict(os.environ, FNTRACE_DIR=where),
                          capture_output=True, text=True, check=False)


# ---- what must hold ------------------------------------------------------------------


def problems_of(outcome, case):
    """Problems that no program may have."""
    if outcome.hung:
        return ["hangs"]
    if outcome.signal == signal.SIGABRT and NAMES.get(case.number) == "mmap":
        # liburcu aborts if its own mapping, for the thread that joins first, fails just
        # after ours for as much memory has not. There is one such call.
        windows.add(case.first)
        if len(windows) == 1:
            return []
    if outcome.signal:
        return [f"killed by {signal.Signals(outcome.signal).name}: {outcome.err[-200:]}"]
    return []


class Command:
    """A command of the tool, on a region that a process has left."""

    def __init__(self, *words, changes=False, lasts=False, runs=False):
        self.words, self.changes, self.lasts = list(words), changes, lasts
        self.codes = (0, 1) if words[0] == "check" else (0,)
        self.runs = runs  # a program, which may be what fails
        self.name = " ".join(words)
        self.expected = set()

    def prepare(self, where):
        done = subprocess.run([PRODUCE, "app"], input=STORY + "die\n", text=True,
                              env=dict(os.environ, FNTRACE_DIR=where, FNTRACE_SIZE="256K"),
                              capture_output=True, check=False)
        if done.returncode != -signal.SIGKILL:
            raise SystemExit("produce: " + done.stderr)

    def command(self, where):
        until = ["timeout", "--preserve-status", "0.2"] if self.lasts else []
        return until + WITH_PRELOAD + [FNTRACE] + self.words

    def learn(self, where):
        """The counts of an undisturbed run; and its output, if it is always the same."""
        outcomes = []
        for _ in range(2):
            with Place(self) as place:
                outcomes.append(run(self.command(place), place))
        first, second = outcomes
        if first.code not in self.codes or first.signal or first.hung:
            raise SystemExit(f"{self.name}: {first.code} {first.signal}: {first.err}")
        self.expected = self.lines_of(first.out) & self.lines_of(second.out)
        return first.counts

    @staticmethod
    def lines_of(out):
        """The lines of an output, without its times, pids, ids and bars."""
        out = re.sub(r"\b[0-9a-f]{8,}\b|[\d.]+( ?[nuµm]?s)?\b|\bnow\b", "N", out)
        lines = re.sub(r"[ ─━█#]+", " ", out).splitlines()
        # Space is freed as far as is possible, and bars are as long as calls took.
        return {line for line in lines if "freed" not in line and "|" not in line}

    def check(self, where, outcome, case):
        problems = problems_of(outcome, case)
        if self.runs and NAMES.get(case.number) == "mmap" and outcome.signal == signal.SIGSEGV:
            problems = []  # the program's dynamic linker dies so, and tap ends as the program
        if problems:
            return problems
        speechless = case.number in (1, 20)  # what it says is what fails
        allowed = [128 + signal.SIGTERM] if self.lasts else [126, 127] if self.runs else []
        if outcome.code not in (0, 1, *allowed):
            problems.append(f"exit status {outcome.code}: {outcome.err[-200:]}")
        elif outcome.code == 1 and not speechless:
            lines = outcome.err.splitlines()
            if not any(re.match(r"fntrace[^:]*: .{8,}", line) for line in lines):
                problems.append(f"fails without a message: {outcome.err[-200:]!r}")
        elif not outcome.code and not speechless and not outcome.err:
            missing = self.expected - self.lines_of(outcome.out)
            if missing:
                problems.append(f"does not print {missing}: {outcome.out[-300:]!r}")
        return problems + self.check_region(where)

    def check_region(self, where):
        problems = []
        if self.name.startswith("ctl rm"):
            return problems
        if self.changes:
            again = tool(where, *self.words)
            named = "name another one" in again.stderr  # by the second
            if again.returncode not in self.codes and not named:
                problems.append(f"the next run fails: {again.stderr}")
        sound = tool(where, "check", "-r", "app")
        if sound.returncode:
            problems.append(f"not sound: {sound.stdout}{sound.stderr}")
        counted = json.loads(tool(where, "stat", "-r", "app", "--json").stdout or "{}")
        if counted.get("total", 0) not in (42, 43):
            problems.append(f"counts {counted.get('total')} calls")
        return problems


class Life:
    """A host: tests/host/inject/life.c."""

    name = "life"

    def prepare(self, where):
        with open(os.path.join(where, ".life"), "wb") as file:
            file.write(bytes(64))

    def command(self, where):
        return WITH_PRELOAD + [life, os.path.join(where, ".life")]

    def learn(self, where):
        with Place(self) as place:
            outcome = run(self.command(place), place)
            problems = problems_of(outcome, Case()) or self.counted(place, True)
        if outcome.code or problems:
            raise SystemExit(f"life: {outcome.code}: {outcome.err} {problems}")
        return outcome.counts

    def counted(self, where, undisturbed):
        """What the host was told, and what the region holds."""
        with open(os.path.join(where, ".life"), "rb") as file:
            words = file.read(40)
        tried_calls, none, done, opened, _ = (
            int.from_bytes(words[i:i + 8], "little") for i in range(0, 40, 8))
        if not opened:
            return []
        stat = tool(where, "stat", "-r", "life", "--json")
        if stat.returncode:
            return [f"stat: {stat.stderr}"]
        stat = json.loads(stat.stdout)
        total, recorded = stat["total"], stat["recorded"]
        if undisturbed and (done != 6 or none):
            return [f"only {done} calls are done"]
        if recorded == done and tried_calls - none <= total <= tried_calls:
            return []
        return [f"counts: tried {tried_calls}, none {none}, done {done}; total {total}, "
                f"recorded {recorded}, dropped {stat['dropped']}"]

    def check(self, where, outcome, case):
        problems = problems_of(outcome, case)
        if problems or outcome.signal:
            return problems
        if outcome.code:
            return [f"exit status {outcome.code}: {outcome.err[-200:]}"]
        problems = self.counted(where, False)
        for name in os.listdir(where):
            if name.endswith(".fnt"):
                sound = tool(where, "check", "-r", os.path.join(where, name))
                if sound.returncode:
                    problems.append(f"{name} is not sound: {sound.stdout}{sound.stderr}")
                os.rename(os.path.join(where, name), os.path.join(where, name + ".old"))
        if os.path.exists(os.path.join(where, "life.fnt.old")):
            os.rename(os.path.join(where, "life.fnt.old"), os.path.join(where, "life.fnt"))
        self.prepare(where)
        again = subprocess.run(self.command(where), env=dict(os.environ, FNTRACE_DIR=where),
                               capture_output=True, text=True, check=False)
        with open(os.path.join(where, ".life"), "rb") as file:
            words = file.read(40)
        if again.returncode or int.from_bytes(words[16:24], "little") != 6:
            problems.append(f"the next run fails: {again.returncode} {again.stderr}")
        return problems


class Place:
    """A directory of regions for one case."""

    def __init__(self, subject):
        self.subject = subject

    def __enter__(self):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.path = tempfile.mkdtemp(prefix="fnt-inject-", dir=base)
        self.subject.prepare(self.path)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


SUBJECTS = [
    Life(),
    Command("list"), Command("recent", "-r", "app"), Command("recent", "-r", "app", "--json"),
    Command("show", "-r", "app", "c1"), Command("ps", "-r", "app"),
    Command("stat", "-r", "app"), Command("hist", "-r", "app"), Command("check", "-r", "app"),
    Command("ctl", "get", "-r", "app"),
    Command("ctl", "set", "-r", "app", "keep=0.5", changes=True),
    Command("ctl", "fn", "-r", "app", "pay*", "slow=1s", changes=True),
    Command("ctl", "reset", "-r", "app", changes=True),
    Command("ctl", "resize", "-r", "app", "512K", changes=True),
    Command("ctl", "rotate", "-r", "app", changes=True),
    Command("ctl", "reap", "-r", "app", changes=True),
    Command("ctl", "rm", "-r", "app"),
    Command("tail", "-r", "app", "-n", "5", lasts=True),
    Command("tap", "-r", "app", "--", "true", runs=True),
]


# ---- all cases -----------------------------------------------------------------------


def cases_of(counts):
    cases = []
    for number, count in sorted(counts.items()):
        codes = [getattr(errno, name) for name in CALLS[NAMES[number]][1].split()] \
            if number in NAMES else [0] if not number else []
        for n in range(1, count + 1):
            for code in codes:
                cases += [Case(number, code, n, n), Case(number, code, n, ONWARDS)]
    return [case for case in cases if is_plausible(case)]


def is_plausible(case):
    """A filter that refuses membarrier stays. liburcu calls it twice in a grace period,
    after our own call has succeeded, and aborts if it fails just then: lib/README.md."""
    return NAMES.get(case.number) != "membarrier" or \
        (case.last == ONWARDS and case.first % 3 == 1)


def try_case(subject, case):
    global tried
    with Place(subject) as place:
        outcome = run(subject.command(place), place, case)
        problems = subject.check(place, outcome, case)
    with lock:
        tried += 1
    return [f"{case}: {problem}" for problem in problems]


def try_subject(subject, chance, pool):
    cases = cases_of(subject.learn(None))
    if getattr(subject, "runs", False):
        cases = [case for case in cases if case.first == case.last]
    some = options.cases * (4 if subject.name == "life" else 1)
    if not options.all and len(cases) > some:
        cases = chance.sample(cases, some)
    return [line for lines in pool.map(lambda case: try_case(subject, case), cases)
            for line in lines]


def main():
    chance = random.Random(options.seed)
    subjects = [subject for subject in SUBJECTS if not options.subjects or subject.name in options.subjects]
    failed = 0
    print(f"1..{len(subjects)}\n# seed {options.seed}", flush=True)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number, subject in enumerate(subjects, 1):
            lines = try_subject(subject, chance, pool)
            failed += bool(lines)
            print(f"{'not ok' if lines else 'ok'} {number} - {subject.name}")
            for line in lines[:20]:
                print("# " + line.replace("\n", " | "))
            if len(lines) > 20:
                print(f"# and {len(lines) - 20} more")
            sys.stdout.flush()
    print(f"# injected: {tried} failures")
    sys.exit(1 if failed else 0)


main()
