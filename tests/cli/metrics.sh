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
json 'all(o["p50_ms"] <= o["p99_ms"] <= o["max_ms"] for o in x["operations"])'
json '[(o["max_ms"], o["total_ms"]) for o in x["operations"] if o["entity"] == "Bid"] == [(2.5, 2.5)]'
json '([(o["entity"], o["op"], o["count"], o["errors"], o["rows"]) for o in x["operations"]] ==
       [("Bid", "insert", 1, 0, 0), ("Lot", "lookup", 1, 0, 1), ("Lot", "update", 1, 1, 0)])'
json 'x["other_operations"]["count"] == 0 and x["other_operations"]["entity"] is None'
json 'all(0 < f["p50_ms"] <= f["p99_ms"] <= f["max_ms"] for f in x["functions"]
          if not f["aborted"])'
json '[f for f in x["functions"] if f["aborted"] and ("max_ms" in f or f["total_ms"])] == []'
json 'x["metrics"]["functions"] == 5 and x["metrics"]["shared"] == 0'
json 'x["metrics"]["overflow_calls"] == x["metrics"]["overflow_operations"] == 0'

run 0 fntrace stat -r app
has out '^functions$'
has out '^  FUNCTION +CALLS +ERRORS +ROLLED BACK +ABORTED +P50 +P95 +P99 +MAX +OPS +ROWS'
has out '^  browse +1 +1 '
has out '^  \(all\) +5 +1 +1 +1 '
has out '^  Lot +update +1 +1 '
lacks out 'IN FLIGHT.*P50'
has out '^  ENTITY +OP +COUNT +ERRORS +MEAN +P50 +P95 +P99 +MAX +TOTAL +ROWS'
lacks out 'past the table'
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
json 'sum(b["count"] for b in x["buckets"]) == x["calls"] - x["aborted"] == 4'
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
run 0 fntrace hist -r app --op insert --json
json '(x["entity"], x["op"], x["count"], x["max_ms"]) == (None, "insert", 1, 2.5)'
json 'sum(b["count"] for b in x["buckets"]) == 1'
run 0 fntrace hist -r app --entity Lot --json
json '(x["entity"], x["op"], x["count"], x["errors"]) == ("Lot", None, 2, 1)'
json 'sum(b["count"] for b in x["buckets"]) == 2'
run 0 fntrace hist -r app --entity Lot --op update
has out '^Lot update$'
has out '^  1 operation$'
run 0 fntrace hist -r app --op all --json
json 'x["entity"] is None and x["op"] is None and x["count"] == 3'
run 1 fntrace hist -r app --entity Lott
one_line err
has err 'no operations "Lott"'
run 2 fntrace hist -r app --op inserted
has err 'no operations are called "inserted"'
run 2 fntrace hist -r app placeBid --op insert
has err 'leave "placeBid" out'
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

# ---- more functions than the table has room for -------------------------------------

# 300 functions; the smallest region has 64 names.
for n in {1..300}; do
	printf 'begin c%d function_%d query\nop c%d get Entity_%d 1 5 1 ok\nok c%d\n' \
		"$n" "$n" "$n" "$n" "$n"
done | FNTRACE_SIZE=256K produce full
run 0 fntrace stat -r full --json
json 'x["all"]["calls"] == 300 and x["metrics"]["overflow_calls"] > 200'
json '(x["metrics"]["overflow_calls"] == x["other_functions"]["calls"] ==
       300 - sum(f["calls"] for f in x["functions"]))'
json '(x["metrics"]["overflow_operations"] == x["other_operations"]["count"] ==
       300 - sum(o["count"] for o in x["operations"]))'
run 0 fntrace stat -r full
has out '^  \(past the table\) +2[0-9][0-9] '
has out 'calls of functions past the table: counted, but not by name; .*FNTRACE_NAMES'
run 0 fntrace hist -r full
has out '^  and 2[0-9][0-9] calls past the table: .*FNTRACE_NAMES'
run 0 fntrace hist -r full --op get
has out 'operations past the table'
run 1 fntrace hist -r full function_300
one_line err
has err '"function_300" has no row in the table, but it may be among the 2[0-9][0-9] calls'
run 1 fntrace hist -r full --entity Entity_300
has err 'may be among the 2[0-9][0-9] operations past the table'
# With room for their names, all are in the tables.
for n in {1..300}; do
	printf 'begin c%d function_%d query\nop c%d get Entity_%d 1 5 1 ok\nok c%d\n' \
		"$n" "$n" "$n" "$n" "$n"
done >steps
for size in '' 4M; do
	FNTRACE_SIZE=$size FNTRACE_NAMES=1024 produce "named$size" <steps
	run 0 fntrace stat -r "named$size" --json
	json 'x["names_max"] >= 1024 and x["metrics"]["overflow_calls"] == 0'
	json 'x["metrics"]["overflow_operations"] == 0 and len(x["functions"]) == 300'
	run 0 fntrace hist -r "named$size" function_300
	has out '^  1 call$'
done
# Its records have its name.
run 0 fntrace recent -r full --fn function_300 --json
json '[call["fn_name"] for call in x] == ["function_300"]'
run 0 fntrace recent -r full --fn function_300
has out 'function_300'

# ---- calls of a dead process --------------------------------------------------------

printf 'begin d1 slow action\ndie\n' | produce dead || true
run 0 fntrace stat -r dead --json
json 'x["all"]["in_flight"] == 1 and x["all"]["calls"] == 0'
produce dead </dev/null
run 0 fntrace stat -r dead --json
json 'x["all"]["in_flight"] == 0 and x["functions"][0]["aborted"] == 1'

finish
