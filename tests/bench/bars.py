# SPDX-License-Identifier: MIT
"""The last table: for each target (bar), what was measured, and the least that this machine takes.

The floor of a bar is straight-line code that stores the same bytes with the same guarantees
(floor.h). It takes turns with the measurement in the same suite, inlined, and by functions, as
a program calls a library. No recorder of this design can meet a bar below the first floor on
this machine, and no recorder in a library one below the second. The floor of readers is two
that only load a word of each cache line and flush it."""
import report

# {(suite, name) of a bar: the names of its two floors, results or ratios of that suite}
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
TITLES = {MET: "met", BELOW: "not met: below the floor of this machine",
          BELOW_CALLED: "not met: below the floor by functions of this machine",
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


def bars_of(results, ratios, unmeasured=()):
    """The bars of results and ratios. `unmeasured`: (name, asked) of bars that this machine
    cannot show."""
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
    return bars + [_bar(name, asked) for name, asked in unmeasured]


# ---- the table

NAME, NUMBER = 40, 9


def number(value, unit):
    """A number in at most eight characters: 0.17, 74.5, 3.7 us, 0.16 ms."""
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
    """The lines of the table, of at most 79 columns."""
    for status, title in TITLES.items():
        chosen = [bar for bar in bars if bar["status"] == status]
        if not chosen:
            continue
        yield ""
        yield f"{title}:"
        yield f"  {'':<{NAME}}" + "".join(
            f"{head:>{NUMBER}}" for head in ("target", "measured", "floor", "by func."))
        for bar in chosen:
            name = bar["name"] + {"x": "", "ns": ""}.get(bar["unit"], f", {bar['unit']}")
            if len(name) > NAME:
                yield f"  {name}"
                name = ""
            yield (f"  {name:<{NAME}}" + "".join(
                f"{number(bar[key], bar['unit']):>{NUMBER}}"
                for key in ("asked", "got", "floor", "floor_by_functions"))).rstrip()


def print_bars(bars):
    if bars:
        print("\ntargets, results, and the least that this machine takes (floor)")
    for line in lines_of(bars):
        print(line)
