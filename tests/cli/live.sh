#!/usr/bin/env bash
# fntrace ps, tail, stat and check: calls in flight, of live and of dead processes, calls as
# they finish, and damaged regions.
set -eu
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

story | produce app

# ---- nothing in flight --------------------------------------------------------------

run 0 fntrace ps
empty out
has err 'no calls in flight'
run 0 fntrace ps --json
json 'x == []'

# ---- a process that writes, then dies -----------------------------------------------

# finished FUNCTION: a call of it has finished.
finished() {
	[[ $("$FNTRACE" recent -r app --fn "$1" 2>/dev/null) ]]
}

mkfifo steps
"$PRODUCE" app <steps &
producer=$!
exec 9>steps
cat >&9 <<'STEPS'
begin l1 slow mutation alice
op l1 get Lot 3 40 1 ok
pend l1 insert Bid -
begin l2 nested query - - l1
begin c3 again query
touch ready
STEPS
until_true test -e ready

run 0 fntrace ps
has out "^ *$producer .* in flight +mutation +slow +l1 +1 .*produce +insert Bid [0-9]"
has out "^ *$producer .* in flight +query +nested +l2 +0 .*produce\$"
run 0 fntrace ps --json
json '[t["call_id"] for t in x] == ["l1", "l2", "c3"]'
json 'x[0]["outcome"] == {"status": "in_flight"} and x[0]["elapsed_ms"] > 0'
json 'x[0]["pending_op"]["op"] == "insert" and x[1]["pending_op"] is None'
json 'len(x[0]["ops"]) == 1'
run 0 fntrace show l1
has out '^slow  mutation  in flight for '
has out 'get +Lot +3 +1 row '
has out 'insert +Bid +pending '
has out 'call +nested +l2 +pending '

# Of several calls with one call id the newest is shown, in flight or finished.
run 0 fntrace show c3
has out '^again  query  in flight for '
has err '^fntrace: 1 older call with this id'
echo 'ok c3' >&9
until_true finished again
run 0 fntrace show c3
has out '^again  query  ok after '
echo $'begin c3 once action\ntouch ready2' >&9
until_true test -e ready2
produce app <<<$'begin c3 late query\nok c3'
run 0 fntrace show c3
has out '^late  query  ok after '
has err '^fntrace: 3 older calls with this id'

run 0 fntrace stat --json
json 'x["total"] == 7 and x["retained"] == 7 and x["in_flight"] == 3'
json 'x["dropped"] == 0 and x["ops_omitted"] == 0 and x["capacity"] == 0'
json "[p['pid'] for p in x['producers']] == [$producer] and x['producers'][0]['alive']"
run 0 fntrace stat
has out '^  total +7 '
has out '^  in flight +3 '
has out '^  ops +[0-9]+  database operations in them$'
has out "^ +$producer +produce +alive "

echo die >&9
wait "$producer" 2>/dev/null || true
exec 9>&-
run 0 fntrace ps
has out "^ *$producer .* aborted +mutation +slow +l1 +1 .*produce +insert Bid\$"
run 0 fntrace ps --json
json '[t["outcome"]["status"] for t in x] == ["aborted"] * 3'
run 0 fntrace show l1
has out '^slow  mutation  aborted, last sign after .*, dead by '
has out 'insert +Bid +pending '
run 0 fntrace list
has out "produce $producer \\(dead\\)"
run 0 fntrace stat --json
json 'x["orphaned"] == 3 and not x["producers"][0]["alive"]'
run 0 fntrace stat
has out '^    died +3  of these: their process died$'
run 0 fntrace check
has out 'no problems; 7 records'
has out '5 items held by processes that died'
run 0 fntrace check --json
json 'x["problems"] == [] and x["problem_count"] == 0 and x["orphans"] > 0'

# The next process that opens the region records them as aborted, once.
produce app <<<''
produce app <<<''
run 0 fntrace ps --json
json 'x == []'
run 0 fntrace recent --json -n 100
json 'sorted(t["call_id"] for t in x) == ["c1", "c2", "c3", "c3", "c3", "c3", "c4",
	"c5", "l1", "l2"]'
run 0 fntrace recent --fn slow
has out 'aborted in insert Bid, last sign after .*, dead by '

# ---- tail ---------------------------------------------------------------------------

# tail_while LAST STEPS OPTIONS...: runs tail while the steps are produced, until it prints
# LAST.
tail_while() {
	local last=$1 steps=$2 tail status=0
	shift 2
	rm -f out
	"$FNTRACE" tail "$@" >out 2>err &
	tail=$!
	until_true test -s out || true
	produce app <<<"$steps"
	until_true grep -q "$last" out || true
	kill -TERM "$tail"
	wait "$tail" || status=$?
	[[ $status == 0 ]] || fail "tail: exit $status"
	empty err
}

tail_while t2 $'begin t1 first query\nok t1\nbegin t2 last query\nerror t2 OOPS no' -n 1
has out '^ *TIME +TOOK '
[[ $(sed 1d out | grep -Eo '\b(t1|t2)\b' | tr '\n' ' ') == 't1 t2 ' ]] || fail 'order'
[[ $(wc -l <out) == 4 ]] || fail 'not three calls and a line of titles'
has out 'last +t2 .*error OOPS: no$'

tail_while t4 $'begin t3 other query\nok t3\nbegin t4 last query\nok t4' -n 1 --json
[[ $(wc -l <out) == 3 ]] || fail 'not three objects'
sed -i '1s/^/[/; $!s/$/,/; $s/$/]/' out
json '[t["call_id"] for t in x] == ["t2", "t3", "t4"]'

# A region that takes the name of the followed one is followed, from its beginning. When the
# name is gone for good, and no process writes to the region, tail ends.
produce lost <<<$'begin x1 early query\nok x1'
"$FNTRACE" tail -r lost -n 1 >out 2>err &
tail=$!
until_true grep -q x1 out
mv "$FNTRACE_DIR/lost.fnt" "$FNTRACE_DIR/lost.old"
produce lost <<<$'begin x2 later query\nok x2'
until_true grep -q x2 out
has err '^fntrace: .*lost.fnt: replaced by another region, which is followed now$'
rm "$FNTRACE_DIR/lost.fnt"
until_true grep -q 'removed, and no process writes to it' err
status=0
wait "$tail" || status=$?
[[ $status == 0 ]] || fail "tail of a region that was removed: exit $status"
rm "$FNTRACE_DIR/lost.old"

tail_while t6 $'begin t5 other query\nok t5\nbegin t6 last query\nok t6' -n 1 --fn last
lacks out t5
tail_while t8 $'begin t7 other query\nok t7\nbegin t8 last query\nerror t8 E m' -n 1 --errors
lacks out t7

# The reader of its output has gone: tail ends, even if no call finishes.
timeout 20 "$FNTRACE" tail -n 3 2>err | head -n 1 >out || fail 'tail | head'
empty err

# A call that finishes while tail prints the earlier ones is printed once.
longer_than() {
	[[ -s out && $(wc -l <out) -gt $1 ]]
}
FNTRACE_SIZE=67108864 produce flood <<<'many 1000 flood'
"$PRODUCE" flood <<<'many 100000000 flood' &
producer=$!
for _ in 1 2 3; do
	rm -f out
	"$FNTRACE" tail -r flood -n 1000 --json >out 2>err &
	tail=$!
	until_true longer_than 2000
	kill -TERM "$tail"
	wait "$tail" || fail "tail: exit $?"
	twice=$(grep -Eo '"uid":"[0-9a-f]*"' out | sort | uniq -d | wc -l)
	((twice == 0)) || fail "$twice calls were shown twice"
done
kill "$producer"
wait "$producer" 2>/dev/null || true
rm "$FNTRACE_DIR/flood.fnt"

# Overrun: what was missed is said. The reader is held while the ring goes round.
FNTRACE_SIZE=262144 produce small <<<$'begin s1 first query\nok s1'
rm -f out
"$FNTRACE" tail -r small -n 1 >out 2>err &
tail=$!
until_true test -s out
kill -STOP "$tail"
produce small <<<$'many 20000 flood\nbegin s2 last query\nok s2'
kill -CONT "$tail"
until_true grep -q last out || true
kill -INT "$tail"
wait "$tail" || fail "tail: exit $?"
has err '^fntrace: missed [0-9,]+ calls: '
missed=$(sed -n 's/^fntrace: missed \([0-9,]*\) calls.*/\1/p' err | tr -d , | awk "{ sum += \$1 } END { print sum + 0 }")
seen=$(grep -c flood out)
((missed + seen == 20000)) || fail "missed $missed + seen $seen is not 20000"

# ---- stat of other regions, check of a damaged one ----------------------------------

produce capped 3 <<<'many 10 quick'
run 0 fntrace stat -r capped --json
json 'x["capacity"] == 3 and x["total"] == 10 and x["retained"] == 3 and x["ordered"]'
run 0 fntrace stat -r capped
has out 'the newest 3 calls are readable, in exact order'
produce none none <<<'many 10 quick'
run 0 fntrace stat -r none --json
json 'x["keep_none"] and x["total"] == 10 and x["not_kept"] == 10 and x["retained"] == 0'

produce hurt <<<'many 1000 quick'
file=$FNTRACE_DIR/hurt.fnt
python3 - "$file" <<'PYTHON'
import os, sys
# Junk over the last quarter of the file: the ring's cells.
with open(sys.argv[1], "r+b") as file:
    size = os.fstat(file.fileno()).st_size
    file.seek(size - size // 4)
    file.write(bytes((i * 37 + 11) % 256 for i in range(65536)))
PYTHON
run 1 fntrace check -r hurt
has out '^offset [0-9]+ \(0x[0-9a-f]+\): '
has out 'hurt.fnt: [0-9,]+ problems?; '
run 1 fntrace check -r hurt --json
json 'len(x["problems"]) == x["problem_count"] > 0'
json 'all(p["offset"] > 0 and p["problem"] for p in x["problems"])'
run 0 fntrace recent -r hurt -n 5
run 0 fntrace stat -r hurt

finish
