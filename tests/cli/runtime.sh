#!/usr/bin/env bash
# The demo's runtime: a call, the calls it makes and those it schedules are one tree, also
# when different workers run them.
set -eu
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

[[ -x ${RUNTIME:-} ]] || {
	echo "set RUNTIME to the path of fntrace-runtime"
	exit 77
}

# spread FILE: true if the traces in it (of recent --json) have a tree with a call made by
# one process and run by another, and a scheduled one that yet another began later.
cat >spread.py <<'PYTHON'
import collections, json, sys
calls = json.load(open(sys.argv[1], encoding="utf-8"))
by_uid = {c["uid"]: c for c in calls}
nested, later = set(), set()
for call in calls:
    parent = by_uid.get(call["parent_uid"])
    if not parent:
        continue
    assert call["trace_id"] == parent["trace_id"], call
    ended = parent["started_at"] + parent["duration_ms"]
    if call["pid"] != parent["pid"]:
        (later if call["started_at"] > ended + 1 else nested).add(call["trace_id"])
both = sorted(nested & later)
print(both[0] if both else "")
sys.exit(not both)
PYTHON

spread() {
	"$FNTRACE" recent -r auction -n 100000 --json >traces 2>/dev/null &&
		python3 spread.py traces >tree 2>/dev/null
}

TMPDIR=$scratch "$RUNTIME" -r auction --hold --workers 4 --rate 150 >log 2>&1 &
runtime=$!
for _ in {1..300}; do
	! spread || break
	kill -0 "$runtime" 2>/dev/null || break
	sleep 0.2
done
# check finds no problems while processes write to the region.
for _ in {1..20}; do
	run 0 fntrace check -r auction
done
kill -TERM "$runtime" || true
wait "$runtime" || fail "the runtime: exit $?"
cp log out

spread || fail 'no call and no schedule that another process ran'
run 0 fntrace show -r auction --tree "$(cat tree)"
has out '^[0-9]+ calls in [2-9] processes'
has out '^├─browse '
has out '╌(sweep|closeAuction) '
run 0 fntrace show -r auction --tree "$(cat tree)" --json
json 'len(x["roots"]) == 1 and x["processes"] >= 2'

# The runtime's own counts are those of the region.
run 0 fntrace stat -r auction --json
calls=$(sed -n 's/^calls \([0-9]*\),.*/\1/p' log)
grep -q ' 0 lost$' log || fail 'requests were lost'
json "x['total'] == $calls"
run 0 fntrace ps -r auction
empty out

finish
