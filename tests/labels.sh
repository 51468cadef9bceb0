#!/usr/bin/env bash
# Every ordered access in lib/ that has a label, as in
#
#	/* [C1] release: the words come before the state. Pairs with [C2] in record.c. */
#
# must name a partner that exists, on the other side. The first argument is the source tree.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"

python3 - lib/*.[ch] lib/*/*.[ch] <<'PYTHON'
import collections, re, sys

sides = collections.defaultdict(set)  # label: the sides it is on
partners = collections.defaultdict(set)
places = {}
mentions = []
for path in sys.argv[1:]:
    text = open(path, encoding="utf-8").read()
    for comment in re.finditer(r"/\*.*?\*/", text, re.S):
        line = text.count("\n", 0, comment.start()) + 1
        words = re.sub(r"\s*\n\s*\*?\s*", " ", comment.group())
        mentions += [(label, path, line) for label in re.findall(r"\[([A-Z]\d)\]", words)]
        for label, side in re.findall(r"\[([A-Z]\d)\] (release|acquire)\b", words):
            sides[label].add(side)
            places[label] = f"{path}:{line}"
            for pair in re.findall(r"(?:Pairs with|and(?: with)?) ((?:\[[A-Z]\d\])(?:(?:,| and(?: with)?) \[[A-Z]\d\])*)", words):
                partners[label] |= set(re.findall(r"[A-Z]\d", pair))

wrong = []
for label, path, line in mentions:
    if label not in sides:
        wrong.append(f"{path}:{line}: no access has the label [{label}]")
for label in sorted(sides):
    if len(sides[label]) != 1:
        wrong.append(f"{places[label]}: [{label}] is both release and acquire")
    answered = {other for other in partners[label] if other in sides}
    answered |= {other for other in sides if label in partners[other]}
    if not any(sides[other] != sides[label] for other in answered):
        wrong.append(f"{places[label]}: [{label}] has no partner on the other side")
if len(sides) < 10:
    wrong.append(f"only {len(sides)} labels found: has the form of the comments changed?")
print("\n".join(wrong) or f"{len(sides)} labels, all paired")
sys.exit(bool(wrong))
PYTHON
