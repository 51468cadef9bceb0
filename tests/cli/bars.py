#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The last table of tests/bench/run, made from given results."""
import os
import sys

import harness
from harness import case, check

sys.path.insert(0, os.path.join(harness.TESTS, "bench"))
import bars  # pylint: disable=wrong-import-position
from suites import suites  # pylint: disable=wrong-import-position


def result(suite, name, median, bar=None, unit="ns"):
    return {"suite": suite, "name": name, "median": median, "unit": unit,
            **({} if bar is None else {
                "bar": bar, "met": median >= bar if unit == "MB/s" else median <= bar})}


def statuses(got, floor, called):
    """The status of the target of 60 ns for a call, with these measurements."""
    inline, by_functions = bars.FLOORS["calls", "call+2ops"]
    made = bars.bars_of([result("calls", "call+2ops", got, 60),
                         result("calls", inline, floor),
                         result("calls", by_functions, called),
                         # A result of another suite is not the floor.
                         result("floors", inline, 1000)], [])
    check(len(made) == 1, "a floor is no bar")
    check((made[0]["floor"], made[0]["floor_by_functions"]) == (floor, called))
    return made[0]["status"]


@case
def a_bar_is_met_or_below_its_floor_or_open():
    check(statuses(60, 70, 80) == "met")
    check(statuses(61, 45, 51) == "open")
    check(statuses(61, 60, 60) == "open")
    check(statuses(61, 45, 60.5) == "below floor by functions")
    check(statuses(61, 60.5, 70) == "below floor")


@case
def without_a_floor_and_without_a_measurement():
    made = bars.bars_of([result("tap", "large", 90, 100, "MB/s"),
                         result("tap", "more", 100, 100, "MB/s"),
                         result("tap", "none", 1)],
                        [result("readers", "2 readers / none", 1.2, 1.05, "x")],
                        [("16 threads / 1", 1.5)])
    check([b["status"] for b in made] == ["open", "met", "open", "open"], str(made))
    check(made[3]["got"] is None and made[0]["floor"] is None)


@case
def every_bar_and_floor_is_measured():
    there = {(suite.name, one.name) for suite in suites(False, "")
             for one in [*suite.variants, *suite.ratios]}
    for bar, names in bars.FLOORS.items():
        check(bar in there, f"{bar}: no such bar")
        for name in filter(None, names):
            check((bar[0], name) in there, f"{bar}: {name}: no such floor beside it")


@case
def names_in_a_suite_are_unique():
    for suite in suites(False, ""):
        keys = [v.key for v in suite.variants]
        check(len(keys) == len(set(keys)), f"{suite.name}: two variants with one name")
        names = [r.name for r in suite.ratios]
        check(len(names) == len(set(names)), f"{suite.name}: two ratios with one name")


@case
def the_table_fits():
    values = (None, 0.005, 0.17, 1.5, 9.99, 74.6, 999.9, 1234, 99999, 3e5, 2e6, 123e6)
    made = [{"name": "n" * length, "asked": a, "got": b, "floor": b, "floor_by_functions": a,
             "status": status, "unit": unit}
            for length in (1, 40, 41, 70) for a in values[1:] for b in values
            for status in bars.TITLES for unit in ("ns", "x", "KiB", "B", "MB/s")]
    lines = list(bars.lines_of(made))
    check(max(map(len, lines)) <= 79, max(lines, key=len))
    check(not any(line != line.rstrip() for line in lines))
    for title in bars.TITLES.values():
        check(f"{title}:" in lines)
    check(not list(bars.lines_of([])))


@case
def numbers_are_short():
    for value, unit, text in ((60, "ns", "60.0"), (5000, "ns", "5.00 us"), (2e6, "ns", "2.00 ms"),
                              (3e5, "ns", "0.30 ms"), (0.11, "x", "0.11"),
                              (4e5, "KiB", "400,000"), (None, "ns", "")):
        check(bars.number(value, unit) == text, bars.number(value, unit))


if __name__ == "__main__":
    harness.main()
