# SPDX-License-Identifier: MIT
"""The second half of tests/bench/compare: the benchmark program of two builds, each linked in
several orders, takes turns."""
import argparse
import hashlib
import os
import random
import shlex
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

from suites import Variant
from workers import Failed, Worker

LIBRARY = "lib/libfntrace.a"
# Two-sided 95 % quantiles of Student's t, by the number of link orders of a side.
WITHIN = {2: 4.30, 3: 2.78, 4: 2.45, 5: 2.31, 6: 2.23, 7: 2.18, 8: 2.14, 9: 2.12,
          10: 2.10, 11: 2.09, 12: 2.07, 13: 2.06, 14: 2.06, 15: 2.05}
WITHIN_MORE = 2.04


@dataclass
class Side:
    """The revision, or the working tree."""
    name: str
    build: str
    programs: list = field(default_factory=list)  # one for each link order
    workers: list = field(default_factory=list)  # one for each program
    rounds: list = field(default_factory=list)  # of each worker: ns, round by round

    @property
    def lows(self):
        """The 10th percentile of each order: the rounds that nothing disturbed."""
        return [sorted(ns)[len(ns) // 10] for ns in self.rounds]

    @property
    def mean(self):
        return statistics.mean(self.lows)

    @property
    def median(self):
        return statistics.median(ns for rounds in self.rounds for ns in rounds)

    def against(self, usual):
        """Each order's median ratio to the median of all programs in the same round. The speed
        of the machine changes from one round to the next, and is about the same within one."""
        return [statistics.median(ns / of for ns, of in zip(rounds, usual))
                for rounds in self.rounds]


class Context:
    """What a Worker needs."""
    batch_ms = 2  # as in bench.py

    def __init__(self, scratch):
        self.scratch = scratch

    @staticmethod
    def program(path):
        return path


# ---- linked


def command_of(build, target):
    """The words of the command that links a target."""
    done = subprocess.run(["ninja", "-C", build, "-t", "commands", target], text=True,
                          capture_output=True, check=False)
    lines = [x for x in done.stdout.splitlines() if not x.startswith("ninja: ")]
    if done.returncode or not lines:
        raise Failed(f"{build}: ninja has no command for {target}: "
                     f"{done.stderr.strip()}; remove that directory and try again")
    return shlex.split(lines[-1])


def objects_in(words):
    return [word for word in words if word.endswith(".o")]


def shuffled(objects, order):
    """Ordered by a hash of the name: files of both sides come in the same order in both."""
    def key(path):
        return hashlib.sha256(f"{order} {os.path.basename(path)}".encode()).digest()
    return sorted(objects, key=key)


def link(side, program, links, layouts):
    """Link the program with the library's objects among its own, instead of the archive."""
    words = command_of(side.build, program)
    own = objects_in(words)
    library = objects_in(command_of(side.build, LIBRARY))
    if not own or not library or program not in words or LIBRARY not in words:
        raise Failed(f"{side.name}: {program} is not linked from objects and {LIBRARY}, "
                     f"which compare.py expects")
    rest = [word for word in words if word not in own + [LIBRARY, program]]
    at = rest.index("-o") + 1
    for order in range(layouts):
        linked = os.path.join(links, f"{os.path.basename(links)}-{order}")
        line = [*rest[:at], linked, *shuffled(own + library, order), *rest[at:]]
        done = subprocess.run(line, cwd=side.build, text=True, capture_output=True,
                              check=False)
        if done.returncode:
            raise Failed(f"{side.name}: does not link: {done.stderr.strip()}")
        side.programs.append(linked)


# ---- measured


def start(sides, args, context):
    """Start them one by one, as they would disturb each other's calibration. A process that
    is started later is 1 % faster, so the sides take turns at that, too."""
    for order, programs in enumerate(zip(*(side.programs for side in sides))):
        pairs = list(zip(sides, programs))
        for side, program in pairs if order % 2 else reversed(pairs):
            worker = Worker(Variant("fntrace", program, args, program=program), context)
            side.workers.append(worker)
            try:
                worker.wait_ready()
            except Failed as error:
                raise Failed(f"{side.name}: {error} (fewer --layouts, or -- size BYTES, "
                             f"need less shared memory)") from error


def measure(sides, rounds):
    """Run the rounds; the workers' order is random in each."""
    workers = [w for side in sides for w in side.workers]
    for _ in range(rounds):
        random.shuffle(workers)
        for worker in workers:
            worker.round()
    for side in sides:
        if "ns" not in side.workers[0].metrics[0]:
            raise Failed("this shape does not measure time")
        side.rounds = [[m["ns"] for m in w.metrics] for w in side.workers]


def stop(sides):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C may come again
    for side in sides:
        for worker in side.workers:
            worker.close()


# ---- printed


def ratio_of(old, new):
    """The ratio, taken round by round, and half of its confidence interval. The link orders
    and processes are a sample of all possible ones."""
    usual = [statistics.median(ns) for ns in zip(*old.rounds, *new.rounds)]
    shares = [side.against(usual) for side in (old, new)]
    of, to = (statistics.mean(share) for share in reversed(shares))
    parts = sum((statistics.stdev(share) / statistics.mean(share)) ** 2 / len(share)
                for share in shares)
    return of / to, WITHIN.get(len(old.rounds), WITHIN_MORE) * of / to * parts ** 0.5


def print_sides(old, new, options):
    wide = max(len(side.name) for side in (old, new))
    print(f"ns per {options.unit}{''.join(f', {n} {v}' for n, v in options.args.items())}: p10 of "
          f"{options.rounds} rounds, {options.layouts} link orders each")
    for side in old, new:
        lows = " ".join(f"{low:.1f}" for low in sorted(side.lows))
        print(f"  {side.name:<{wide}}  mean {side.mean:.1f}  median of all rounds "
              f"{side.median:.1f}  p10s {lows}")


def print_ratio(old, new):
    ratio, chance = ratio_of(old, new)
    print(f"  ratio {ratio:.3f} ± {chance:.3f}, round by round "
          f"({new.mean / old.mean:.3f} of the means, "
          f"{new.median / old.median:.3f} of the medians)")
    if abs(ratio - 1) > chance:
        print(f"{new.name} takes {abs(ratio - 1) * 100:.1f} % "
              f"{'more' if ratio > 1 else 'less'} time than {old.name}")
    else:
        print(f"no difference seen: one of up to {chance * 100:.1f} % would not show. To halve "
              f"that: --layouts {len(old.rounds) * 4}")


def parse(argv):
    parser = argparse.ArgumentParser(prog="tests/bench/compare")
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--links", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--layouts", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--old", nargs=2, required=True)
    parser.add_argument("--new", nargs=2, required=True)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args(argv)
    options.args = dict(zip(options.words[::2], options.words[1::2]))
    options.unit = "call" if options.program == "bench_fntrace" else "operation"
    return options


def main(argv):
    options = parse(argv)
    sides = [Side(*options.old), Side(*options.new)]
    try:
        for name, side in zip(("old", "new"), sides):
            links = os.path.join(options.links, name)
            os.mkdir(links)
            link(side, f"tests/bench/{options.program}", links, options.layouts)
        start(sides, options.args, Context(options.scratch))
        measure(sides, options.rounds)
    except (Failed, BrokenPipeError) as error:
        print(f"tests/bench/compare: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        stop(sides)
    print_sides(*sides, options)
    print_ratio(*sides)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
