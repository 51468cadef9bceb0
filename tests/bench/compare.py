# SPDX-License-Identifier: MIT
"""tests/bench/compare, after the builds: two builds' bench_fntrace, each linked in several
orders, take turns."""
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

PROGRAM = "tests/bench/bench_fntrace"
LIBRARY = "lib/libfntrace.a"
# Student's t: 95 of 100 lie within, by how many link orders either side has.
WITHIN = {2: 4.30, 3: 2.78, 4: 2.45, 5: 2.31, 6: 2.23, 7: 2.18, 8: 2.14, 9: 2.12,
          10: 2.10, 11: 2.09, 12: 2.07, 13: 2.06, 14: 2.06, 15: 2.05}
MANY = 2.04


@dataclass
class Side:
    """The revision, or the working tree."""
    name: str
    build: str
    programs: list = field(default_factory=list)  # one for each order
    workers: list = field(default_factory=list)  # of these
    rounds: list = field(default_factory=list)  # of each of these: ns, round by round

    @property
    def lows(self):
        """The p10 of each order: what it takes when nobody is in its way."""
        return [sorted(ns)[len(ns) // 10] for ns in self.rounds]

    @property
    def mean(self):
        return statistics.mean(self.lows)

    @property
    def median(self):
        return statistics.median(ns for rounds in self.rounds for ns in rounds)

    def against(self, usual):
        """Each order's share of what is usual in its rounds: the machine is faster and
        slower from one to the next, by half at times, and all of a round alike."""
        return [statistics.median(ns / of for ns, of in zip(rounds, usual))
                for rounds in self.rounds]


class Context:
    """What workers need to know."""
    batch_ms = 2  # as in bench.py

    def __init__(self, scratch):
        self.scratch = scratch

    @staticmethod
    def program(path):
        return path


# ---- linked


def command_of(build, target):
    """The last command that makes a target: its words."""
    done = subprocess.run(["ninja", "-C", build, "-t", "commands", target], text=True,
                          capture_output=True, check=False)
    lines = [x for x in done.stdout.splitlines() if not x.startswith("ninja: ")]
    if done.returncode or not lines:
        raise Failed(f"{build}: ninja does not say how {target} is made: "
                     f"{done.stderr.strip()}; remove that directory and try again")
    return shlex.split(lines[-1])


def objects_in(words):
    return [word for word in words if word.endswith(".o")]


def shuffled(objects, order):
    """By a hash: what both sides have comes in the same order in both."""
    def key(path):
        return hashlib.sha256(f"{order} {os.path.basename(path)}".encode()).digest()
    return sorted(objects, key=key)


def link(side, links, layouts):
    """The program with the library's objects among its own, instead of its archive."""
    words = command_of(side.build, PROGRAM)
    own = objects_in(words)
    library = objects_in(command_of(side.build, LIBRARY))
    if not own or not library or PROGRAM not in words or LIBRARY not in words:
        raise Failed(f"{side.name}: {PROGRAM} is not linked of objects and {LIBRARY}, "
                     f"which is all that compare.py knows to put in order")
    rest = [word for word in words if word not in own + [LIBRARY, PROGRAM]]
    at = rest.index("-o") + 1
    for order in range(layouts):
        program = os.path.join(links, f"{os.path.basename(links)}-{order}")
        line = [*rest[:at], program, *shuffled(own + library, order), *rest[at:]]
        done = subprocess.run(line, cwd=side.build, text=True, capture_output=True,
                              check=False)
        if done.returncode:
            raise Failed(f"{side.name}: does not link: {done.stderr.strip()}")
        side.programs.append(program)


# ---- measured


def start(sides, args, context):
    """One after the other: they would disturb each other's calibration. Who is started
    late is 1 % faster, so sides take turns at that, too."""
    for order, programs in enumerate(zip(*(side.programs for side in sides))):
        pairs = list(zip(sides, programs))
        for side, program in pairs if order % 2 else reversed(pairs):
            worker = Worker(Variant("fntrace", program, args, program=program), context)
            side.workers.append(worker)
            try:
                worker.wait_ready()
            except Failed as error:
                raise Failed(f"{side.name}: {error} (less shared memory is taken with "
                             f"fewer --layouts, or by -- size BYTES)") from error


def measure(sides, rounds):
    """Each worker's turns, which come in another order in each round."""
    workers = [w for side in sides for w in side.workers]
    for _ in range(rounds):
        random.shuffle(workers)
        for worker in workers:
            worker.round()
    for side in sides:
        side.rounds = [[m["ns"] for m in w.metrics] for w in side.workers]


def stop(sides):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C, again
    for side in sides:
        for worker in side.workers:
            worker.close()


# ---- said


def ratio_of(old, new):
    """Round by round, and how far off it may be. Link orders, and where in memory a
    process came to lie, are a sample of all that there are."""
    usual = [statistics.median(ns) for ns in zip(*old.rounds, *new.rounds)]
    shares = [side.against(usual) for side in (old, new)]
    of, to = (statistics.mean(share) for share in reversed(shares))
    parts = sum((statistics.stdev(share) / statistics.mean(share)) ** 2 / len(share)
                for share in shares)
    return of / to, WITHIN.get(len(old.rounds), MANY) * of / to * parts ** 0.5


def print_sides(old, new, options):
    wide = max(len(side.name) for side in (old, new))
    print(f"ns a call{''.join(f', {n} {v}' for n, v in options.args.items())}: p10 of "
          f"{options.rounds} rounds, of {options.layouts} link orders each")
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
              f"{'more' if ratio > 1 else 'less'} than {old.name}")
    else:
        print(f"no difference is seen: link orders and processes of the same code make "
              f"one of up to {chance * 100:.1f} %. To see half of that: --layouts "
              f"{len(old.rounds) * 4}")


def parse(argv):
    parser = argparse.ArgumentParser(prog="tests/bench/compare")
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--links", required=True)
    parser.add_argument("--layouts", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--old", nargs=2, required=True)
    parser.add_argument("--new", nargs=2, required=True)
    parser.add_argument("words", nargs="*")
    options = parser.parse_args(argv)
    options.args = dict(zip(options.words[::2], options.words[1::2]))
    return options


def main(argv):
    options = parse(argv)
    sides = [Side(*options.old), Side(*options.new)]
    try:
        for name, side in zip(("old", "new"), sides):
            links = os.path.join(options.links, name)
            os.mkdir(links)
            link(side, links, options.layouts)
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
