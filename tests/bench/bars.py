# SPDX-License-Identifier: MIT
"""What was asked, what was got, and the least that this machine takes for it: the last table.

A bar's floor is a straight line that stores the same bytes with the same guarantees (floor.h),
measured in the same suite, turn by turn: inlined, and by functions, as a program calls a
library. A bar below the first can't be met by any recorder of this design here; one below the
second, by none that is called. Of readers it is two that load a word of each line, give it
back, and do nothing else."""
import report

# Of a bar, (suite, name): names of its floors among the results or ratios of its suite.
FLOORS = {
    ("calls", "call+2ops"): ("call+2ops, bytes, by calls",
                             "call+2ops, bytes by functions, by calls"),
    ("calls", "call+2ops, vdso"): ("call+2ops, bytes, vdso, by calls",
                                   "call+2ops, bytes by functions, vdso, by calls"),
    ("calls", "fntrace / lttng-ust, 1 thread"): ("floor / lttng-ust, 1 thread",
                                                 "floor by functions / lttng-ust, 1 thread"),
    ("calls", "fntrace / mutex-log, 1 thread"): ("floor / mutex-log, 1 thread",
                                                 "floor by functions / mutex-log, 1 thread"),
    ("ops", "a stream chunk"): ("chunk, 2 words, by ops", "chunk, 2 words by functions, by ops"),
    ("shapes", "sampled out / kept, both by settings"): (
        "floor: sampled out / kept, by shapes",
        "floor by functions: sampled out / kept, by shapes"),
}
for _size in "", ", 1 MiB", ", 64 MiB":
    FLOORS["readers", f"2 readers / none{_size}"] = (
        f"2 raw readers, evicting / none{_size}", None)
for _clock in "tsc", "vdso":
    for _which in "3rd to 10th", "11th to 100th":
        FLOORS["ops", f"an op, {_clock}: the {_which}"] = tuple(
            f"{_how}: an op, {_clock}, the {_which}" for _how in ("floor", "floor by functions"))

MET, BELOW, BELOW_CALLED, OPEN = "met", "below floor", "below floor by functions", "open"
TITLES = {MET: "met", BELOW: "not met, and below what the machine takes",
          BELOW_CALLED: "not met, and below what the machine takes by functions",
          OPEN: "not met, or not measured"}


def _status(asked, floors, met):
    if met:
        return MET
    for floor, status in zip(floors, (BELOW, BELOW_CALLED)):
        if floor is not None and floor > asked:
            return status
    return OPEN


def _bar(name, asked, floors=(None, None), unit="x", **measured):
    return {"name": name, "asked": asked, "got": measured.get("median"), "floor": floors[0],
            "floor_by_functions": floors[1],
            "status": _status(asked, floors, measured.get("met")), "unit": unit,
            "at_least": report.at_least(unit)}


def bars_of(results, ratios, untried=()):
    """A bar for each of them that has one; `untried`: (name, asked) of those that this
    machine can't show."""
    floors = {(r["suite"], r["name"]): r["median"] for r in [*results, *ratios]
              if "bar" not in r}
    bars = []
    for r in [*results, *ratios]:
        if "bar" not in r:
            continue
        name = r["name"] + "".join(f", {r[k]} {k}" for k in ("threads", "processes")
                                   if r.get(k, 1) > 1)
        wanted = FLOORS.get((r["suite"], r["name"]), (None, None))
        bars.append(_bar(name, r["bar"], tuple(floors.get((r["suite"], f)) for f in wanted),
                         r["unit"], median=r["median"], met=r["met"]))
    return bars + [_bar(name, asked) for name, asked in untried]


# ---- the table

NAME, NUMBER = 40, 9


def number(value, unit):
    """In at most eight characters: 0.17, 74.5, 3.7 us, 0.16 ms."""
    if value is None:
        return ""
    if unit == "ns" and abs(value) >= 1e5:
        value, unit = value / 1e6, " ms"
    elif unit == "ns" and abs(value) >= 1e3:
        value, unit = value / 1e3, " us"
    elif abs(value) >= 1e6:
        value, unit = value / 1e6, " M"
    else:
        unit = ""
    return f"{value:,.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}{unit}"


def lines_of(bars):
    """Of at most 79 columns."""
    for status, title in TITLES.items():
        some = [bar for bar in bars if bar["status"] == status]
        if not some:
            continue
        yield ""
        yield f"{title}:"
        yield f"  {'':<{NAME}}" + "".join(
            f"{head:>{NUMBER}}" for head in ("asked", "got", "floor", "by func."))
        for bar in some:
            name = bar["name"] + {"x": "", "ns": ""}.get(bar["unit"], f", {bar['unit']}")
            if len(name) > NAME:
                yield f"  {name}"
                name = ""
            yield (f"  {name:<{NAME}}" + "".join(
                f"{number(bar[key], bar['unit']):>{NUMBER}}"
                for key in ("asked", "got", "floor", "floor_by_functions"))).rstrip()


def print_bars(bars):
    if bars:
        print("\nbars, and the least that this machine takes for the same bytes (floor)")
    for line in lines_of(bars):
        print(line)
