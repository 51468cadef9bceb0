#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The second half of tests/bench/run: lets the variants of each suite take turns."""
import argparse
import contextlib
import json
import os
import sys
import time

import bars
import report
from suites import NAMES, PEERS, PROGRAMS, suites, unmeasured
from workers import Failed, Worker, lttng_session


class Context:
    """What a Worker needs."""

    def __init__(self, options):
        self.build, self.scratch = options.build, options.scratch
        self.rounds = options.rounds or (51 if options.quick else 201)
        # Shorter than the scheduler's slices: most batches end before another program gets the
        # CPU, also on a busy machine.
        self.usual_batch_ms = self.batch_ms = 2
        self.missing = {}  # peer: why
        self.lttng_env, self.lttng_prefix = {}, []

    def program(self, name):
        return os.path.join(self.build, "tests", "bench", name)


def find_peers(context, stack):
    """Note which peers are missing. LTTng's session lives as long as `stack`."""
    for peer, packages in PEERS.items():
        if not os.path.exists(context.program(PROGRAMS[peer])):
            context.missing[peer] = f"not installed: {packages}"
    if "lttng-ust" in context.missing:
        return
    try:
        context.lttng_prefix, context.lttng_env = stack.enter_context(
            lttng_session(context.scratch))
    except Failed as error:
        context.missing["lttng-ust"] = str(error)


def start(suite, context, notes):
    workers = []
    for variant in suite.variants:
        why = context.missing.get(variant.peer)
        if why:
            note = f"{variant.peer}: {why}"
            if note not in notes:
                notes.append(note)
            continue
        # One by one, as they would disturb each other's calibration.
        worker = Worker(variant, context)
        try:
            worker.wait_ready()
            workers.append(worker)
        except Failed as error:
            notes.append(f"{variant.peer} {variant.name}: {error}")
            worker.close()
    return workers


def run_suite(suite, context):
    notes = []
    context.batch_ms = context.usual_batch_ms * suite.batches
    workers = start(suite, context, notes)
    try:
        for _ in range(max(3, int(context.rounds * suite.rounds))):
            for worker in workers:
                worker.round()
        results = [r for w in workers for r in report.results_of(suite, w)]
        there = [w.variant for w in workers]
        ratios = [report.ratio_of(suite, r, workers) for r in suite.ratios
                  if all(v in there for v in r.variants)]
    finally:
        for worker in workers:
            worker.close()
        for name in os.listdir(context.scratch):
            if name.endswith(".fnt"):
                os.unlink(os.path.join(context.scratch, name))
    report.print_suite(suite, results, ratios, notes)
    sys.stdout.flush()
    return results, ratios


def parse(argv):
    parser = argparse.ArgumentParser(prog="tests/bench/run")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--only", nargs="+", metavar="SUITE", choices=NAMES)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--build", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def list_suites():
    for suite in suites(False, ""):
        print(f"{suite.name:<16}{suite.title}")


def main(argv):
    options = parse(argv)
    if options.list:
        list_suites()
        return 0
    began = time.monotonic()
    context = Context(options)
    about = report.machine()
    report.print_machine(about)
    results, ratios = [], []
    with contextlib.ExitStack() as stack:
        wanted = [s for s in suites(options.quick, os.path.join(
            options.build, "tools", "fntrace")) if s.name in (options.only or NAMES)]
        if any(v.peer in PEERS for s in wanted for v in s.variants):
            find_peers(context, stack)
        for suite in wanted:
            more_results, more_ratios = run_suite(suite, context)
            results += more_results
            ratios += more_ratios
    asked = bars.bars_of(results, ratios, [] if options.only else unmeasured())
    bars.print_bars(asked)
    about["seconds"] = round(time.monotonic() - began, 1)
    about["load_after"] = os.getloadavg()[0]
    print(f"\n{about['seconds']:.0f} s")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"results": results, "ratios": ratios, "bars": asked,
                       "missing": context.missing, "machine": about}, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
