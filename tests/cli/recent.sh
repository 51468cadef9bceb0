#!/usr/bin/env bash
# fntrace recent and show: finished calls.
set -eu
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

story | produce app

# ---- recent -------------------------------------------------------------------------

run 0 fntrace recent
empty err
[[ $(sed -E '1d' out | grep -Eo '\bc[1-5]\b' | tr '\n' ' ') == 'c5 c4 c3 c1 c2 ' ]] ||
	fail 'not newest first'
has out '^ *AGO +TOOK +TYPE +FUNCTION +CALL +OPS +PID +UID +OUTCOME$'
has out 'mutation +placeBid +c1 +3 .* ok$'
has out 'error NOT_FOUND: no such lot$'
has out 'rolled back CONFLICT: too late$'
has out 'ok, 2\.15 KiB streamed$'
has out 'aborted$'
lacks out ' $'
lacks out $'\e'

run 0 fntrace recent -n 2
[[ $(wc -l <out) == 3 ]] || fail 'not two calls'
run 0 fntrace recent -n 0
empty out
run 0 fntrace recent --fn pay
[[ $(wc -l <out) == 2 ]] || fail 'not one call of pay'
run 0 fntrace recent --fn nobody
empty out
has err 'no finished calls of nobody'
run 0 fntrace recent --errors
[[ $(wc -l <out) == 4 ]] || fail 'not three failed calls'
lacks out ' ok'

run 0 fntrace recent --json
json '[t["call_id"] for t in x] == ["c5", "c4", "c3", "c1", "c2"]'
json 'x[3]["outcome"] == {"status": "ok", "value": {"accepted": True, "amount": 60}}'
json '[o["op"] for o in x[3]["ops"]] == ["lookup", "insert", "update"]'
json 'x[3]["user_id"] == "alice" and x[2]["user_id"] is None'
json 'x[2]["outcome"] == {"status":"error","code":"NOT_FOUND","message":"no such lot"}'
json 'x[4]["stream_bytes"] == 2200 and x[4]["stream_chunks"] == 2'
json 'x[4]["schedules"] == [{"fn_name": "sendMail", "delay_ms": 5000},
	{"fn_name": "cleanup", "run_at": 1795447155319}]'
json 'x[4]["parent_uid"] == x[3]["uid"] and x[4]["trace_id"] == x[3]["trace_id"]'
run 0 fntrace recent --json -n 0
json 'x == []'
run 0 fntrace recent --json --errors --fn pay
json '[t["call_id"] for t in x] == ["c4"]'

# ---- show ---------------------------------------------------------------------------

run 0 fntrace show c1
empty err
has out '^placeBid  mutation  ok after '
has out '^  user +alice$'
has out '^  tenant +acme$'
has out '^  process +produce, pid [0-9]+, thread [0-9]+$'
has out 'lookup +Lot +1 row '
has out 'insert +Bid +17 +ok .*█'
has out 'update +Lot +17 +failed '
has out 'call +notify +c2 +ok '
has out '^    \{"accepted":true,"amount":60\}$'
uid=$(sed -n 's/^  uid  *//p' out)
[[ $uid =~ ^[0-9a-f]{16}$ ]] || fail "uid $uid"
run 0 fntrace show "$uid"
has out '^placeBid'
run 0 fntrace show "${uid^^}" --json
json 'x["call_id"] == "c1"'

run 0 fntrace show c2
has out "^  caller +$uid\$"
has out '^  streamed +2\.15 KiB in 2 chunks$'
has out '^  schedules +sendMail in 5 s$'
has out '^  schedules +cleanup at 20'
has out '^  no operations$'
run 0 fntrace show c3
has out '^  error +NOT_FOUND: no such lot$'
run 0 fntrace show c4
has out '^  rolled back CONFLICT: too late$'
run 0 fntrace show c5
has out '^gone  action  aborted after '

run 1 fntrace show nothing
empty out
one_line err
run 1 fntrace show 0123456789abcdef
one_line err

# A call id of sixteen hex digits; several calls with one id.
produce app <<'STEPS'
begin 00000000000000aa older query
ok 00000000000000aa
begin twice older query
ok twice
begin twice newer query
ok twice
begin twice newest query
ok twice
STEPS
run 0 fntrace show 00000000000000aa
has out '^older'
run 0 fntrace show twice
has out '^newest'
has err '^fntrace: 2 older calls with this id'

# Without UTF-8 the output is ASCII.
run 0 env LC_ALL=C "$FNTRACE" show c1
! LC_ALL=C grep -q '[^ -~]' out || fail 'not ASCII'
has out 'insert .*#'
has out ' us'

# ---- many operations ----------------------------------------------------------------

{
	echo 'begin long import mutation'
	for i in {1..60}; do
		echo "op long insert Row $i 10 - ok"
	done
	echo 'op long insert Row 61 10 - failed'
	echo 'op long get Row 61 10 1 ok'
	for i in {1..3}; do
		echo "op long update Row $i 10 1 ok"
	done
	echo 'ok long'
} | produce app
run 0 fntrace show long
has out '600 µs +insert +Row +ok, 60 times '
has out 'insert +Row +61 +failed '
has out 'get +Row +61 +1 row '
[[ $(grep -c ' update ' out) == 3 ]] || fail 'three in a row were folded'
run 0 fntrace show --all long
[[ $(grep -c ' insert ' out) == 61 ]] || fail 'not every operation'

# ---- a large value ------------------------------------------------------------------

{
	echo 'begin big list query'
	printf 'ok big {"rows":['
	for i in {1..200}; do
		printf '{"id":%d,"name":"row %d","empty":[],"none":{}},' "$i" "$i"
	done
	printf 'null]}\n'
} | produce app
run 0 fntrace show big
has out '^      "rows": \[$'
has out '^          "empty": \[\],$'
has out 'in all; --json shows it$'
[[ $(wc -l <out) -lt 50 ]] || fail 'too long'
run 0 fntrace show big --json
json 'len(x["outcome"]["value"]["rows"]) == 201'

finish
