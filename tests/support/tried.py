#!/usr/bin/env python3
"""Print, in one line, how much the tests have tried, from their output (files, or stdin)."""
import re
import sys


def total(pattern, text):
    return sum(int(float(n.replace(",", ""))) for n in re.findall(pattern, text, re.M))


text = "".join(open(name, errors="replace").read() for name in sys.argv[1:]) or (
    "" if sys.argv[1:] else sys.stdin.read())
tried = [
    (total(r": (\d+) kills,", text), "kills between instructions"),
    (total(r"held at (\d+) of", text), "stops between instructions"),
    (total(r"^# deaths: +(\d+) deaths", text), "deaths under load"),
    (total(r"^# deaths: .*?(\d+) stops", text), "stops under load"),
    (total(r"^# deaths: .*?(\d+) changes", text), "changes of settings and rings under load"),
    (total(r"^# deaths: .*?(\d+) calls confirmed", text), "calls confirmed under load"),
    (total(r"^(\d+) inputs", text) + total(r"^(?:fuzz_\w+: )?Done (\d+) runs", text),
     "inputs"),
    (total(r"^(?:scribble: )?(\d+) scribbles", text), "scribbles"),
    (total(r"^# injected: (\d+)", text), "system calls and allocations that fail"),
    (total(r"(?:holds|fails), ([\d.e+]+) states", text), "states of models"),
]
print("tried: " + ", ".join(f"{n:,} {what}" for n, what in tried if n))
