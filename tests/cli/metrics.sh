#!/usr/bin/env bash
# fntrace stat's functions and operations, and fntrace hist: every call counts, whether it
# was recorded or not.
set -eu
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

story | produce app

# fits FILE COLUMNS: no line is wider.
fits() {
	python3 -c 'import sys; sys.exit(any(len(line.rstrip("\n")) > int(sys.argv[2])
		for line in open(sys.argv[1], encoding="utf-8")))' "$@"
}

# ---- stat ---------------------------------------------------------------------------

run 0 fntrace stat -r app --json
json 'x["all"]["calls"] == x["total"] == 5'
json 'x["all"]["fn_name"] is None and x["other_functions"]["calls"] == 0'
json '({f["fn_name"]: f["calls"] for f in x["functions"]} ==
       {"placeBid": 1, "notify": 1, "browse": 1, "pay": 1, "gone": 1})'
json '[next(f for f in x["functions"] if f["fn_name"] == name)[field]
       for name, field in (("placeBid", "ok"), ("browse", "error"),
                           ("pay", "rolled_back"), ("gone", "aborted"))] == [1] * 4'
json 'next((f["ops"], f["rows"], f["stream_bytes"], f["stream_chunks"], f["schedules"])
           for f in x["functions"] if f["fn_name"] == "placeBid") == (3, 1, 0, 0, 0)'
json 'next((f["ops"], f["rows"], f["stream_bytes"], f["stream_chunks"], f["schedules"])
           for f in x["functions"] if f["fn_name"] == "notify") == (0, 0, 2200, 2, 2)'
json '([(o["entity"], o["op"], o["count"], o["errors"], o["rows"]) for o in x["operations"]] ==
       [("Bid", "insert", 1, 0, 0), ("Lot", "lookup", 1, 0, 1), ("Lot", "update", 1, 1, 0)])'
json 'x["other_operations"]["count"] == 0 and x["other_operations"]["entity"] is None'
json 'all(0 < f["p50_ms"] <= f["p99_ms"] <= f["max_ms"] for f in x["functions"])'
json 'x["metrics"]["functions"] == 5 and x["metrics"]["shared"] == 0'

run 0 fntrace stat -r app
has out '^functions$'
has out '^  FUNCTION +CALLS +ERRORS +ROLLED BACK +ABORTED +P50 +P95 +P99 +MAX +OPS +ROWS'
has out '^  browse +1 +1 '
has out '^  \(all\) +5 +1 +1 +1 '
has out '^  Lot +update +1 +1 '
lacks out 'IN FLIGHT.*P50'
lacks out '\(others\)'
run 0 fntrace stat -r app -n 2
has out 'and 3 more functions: -n 0 shows all'
has out 'and 1 more operation: -n 0 shows all'
run 0 fntrace stat -r app -n 0
lacks out 'more function'
run 0 fntrace stat -r app --json -n 1
json 'len(x["functions"]) == 5'

# ---- hist ---------------------------------------------------------------------------

run 0 fntrace hist -r app --json
json 'x["fn_name"] is None and x["calls"] == 5'
json 'sum(b["count"] for b in x["buckets"]) == 5'
json 'all(b["from_ns"] <= b["to_ns"] for b in x["buckets"])'
json 'x["buckets"] == sorted(x["buckets"], key=lambda b: b["from_ns"])'
run 0 fntrace hist -r app placeBid --json
json 'x["fn_name"] == "placeBid" and x["calls"] == 1 and x["ops"] == 3'
run 0 fntrace hist -r app placeBid
has out '^placeBid$'
has out '^  1 call$'
has out '│█+ +1 100\.0 % p50 p90 p95 p99 p999 max$'
run 1 fntrace hist -r app placeBit
one_line err
has err 'no calls of "placeBit"; did you mean "placeBid"'
run 1 fntrace hist -r app nothing-like-it
has err 'fntrace stat lists the functions'
run 2 fntrace hist -r app placeBid browse
has err 'not "browse" too'
for columns in 1 20 40 60 80 200; do
	NO_COLOR=1 terminal $columns "$FNTRACE" hist -r app || fail "hist at $columns"
	((columns < 20)) || fits out $columns || fail "hist at $columns: too wide"
done

# ---- calls that the settings exclude are counted too --------------------------------

story | produce none none
run 0 fntrace stat -r none --json
json 'x["all"]["calls"] == x["all"]["kept_none"] == x["not_kept"] == 5'
run 0 fntrace hist -r none
has out '^  5 calls$'

# ---- nothing to show ----------------------------------------------------------------

produce empty </dev/null
run 0 fntrace stat -r empty
lacks out '^functions$'
run 0 fntrace hist -r empty
has out '^  0 calls$'
run 0 fntrace hist -r empty --json
json 'x["buckets"] == [] and "p50_ms" not in x'

# ---- calls of a dead process --------------------------------------------------------

printf 'begin d1 slow action\ndie\n' | produce dead || true
run 0 fntrace stat -r dead --json
json 'x["all"]["in_flight"] == 1 and x["all"]["calls"] == 0'
produce dead </dev/null
run 0 fntrace stat -r dead --json
json 'x["all"]["in_flight"] == 0 and x["functions"][0]["aborted"] == 1'

finish
