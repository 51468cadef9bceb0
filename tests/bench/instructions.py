# SPDX-License-Identifier: MIT
"""Compares callgrind's counts with the recorded ones: see tests/bench/instructions."""
import json
import re
import subprocess
import sys

TIMES = 1000  # how often bench_steps.c does each step
LIMIT = 1.03
LINE = re.compile(r"^\s*([\d,]+)(?: \([^)]*\))?\s+\S*?:(\S+)(?: \[.*\])?$")


def counts(path, combine=max):
    """{function: instructions each time}, from the list of callgrind_annotate. Code inlined
    from another file has a line of its own; of inclusive counts the largest is the total."""
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = LINE.match(line)
            if match:
                name = match.group(2).partition("'")[0]
                number = int(match.group(1).replace(",", "")) / TIMES
                found[name] = combine((number, found.get(name, 0)))
    return found


def steps(path):
    return {name.removeprefix("step_"): round(number, 1)
            for name, number in sorted(counts(path).items()) if name.startswith("step_")}


def compiler():
    done = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def compare(clock, counted, recorded):
    """Print the steps of a clock. Returns how many take more than recorded."""
    grown = 0
    print(f"{clock:<24}{'now':>10}{'recorded':>10}")
    for name, number in counted.items():
        before = recorded.get(name)
        change = f"{before:>10.1f}{(number / before - 1) * 100:>+8.1f} %" if before else ""
        more = bool(before) and number > before * LIMIT
        grown += more
        print(f"  {name:<22}{number:>10.1f}{change}{'  more' if more else ''}")
    return grown


def print_functions(scratch):
    inclusive = counts(f"{scratch}/calls.inclusive")
    own = counts(f"{scratch}/calls.self", sum)
    print(f"{'call+2ops, by function':<40}{'inclusive':>10}{'self':>10}")
    for name in sorted(inclusive, key=lambda n: -inclusive[n]):
        if inclusive[name] >= 1 and own.get(name, 0) >= 1:
            print(f"  {name:<38}{inclusive[name]:>10.1f}{own[name]:>10.1f}")


def main(path, scratch, *options):
    now = {"compiler": compiler(),
           "instructions": {clock: steps(f"{scratch}/{clock}.inclusive")
                            for clock in ("vdso", "tsc")}}
    try:
        with open(path, encoding="utf-8") as file:
            before = json.load(file)
    except FileNotFoundError:
        before = {"compiler": now["compiler"], "instructions": {}}
    same = before["compiler"] == now["compiler"]
    grown = sum(compare(clock, counted, before["instructions"].get(clock, {}))
                for clock, counted in now["instructions"].items())
    if "--functions" in options:
        print_functions(scratch)
    if "--record" in options:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(now, file, indent=1)
            file.write("\n")
    elif not same:
        print(f"not compared: recorded with another compiler, {before['compiler']}")
    return int(grown > 0 and same and "--check" in options)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
