#!/usr/bin/env bash
# fntrace show --tree: trees of calls over several processes, with missing callers, and with
# hostile records.
set -eu
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

# fits FILE COLUMNS: no line is wider.
fits() {
	python3 - "$1" "$2" <<'PYTHON' || fail "$1: wider than $2"
import sys
widths = [len(line.rstrip("\n")) for line in open(sys.argv[1], encoding="utf-8")]
sys.exit(max(widths) > int(sys.argv[2]))
PYTHON
}

# drawn: the branches and names in the file out.
drawn() {
	sed '1,/^CALL/d' out | grep -Eo '^([│├└─╌ ]*[[:alnum:]_]+|[^ ]*\(parent.*region\))'
}

# as_drawn: the branches and names in out are those on standard input.
as_drawn() {
	cat >want
	drawn >got || true
	diff want got >difference || {
		cp difference out
		fail 'another tree'
	}
}

# nested COUNT: in the JSON of out each call is among its caller's children, and there are
# COUNT calls.
nested() {
	python3 - out "$1" <<'PYTHON' || fail 'the JSON is not nested correctly'
import json, sys
x = json.load(open(sys.argv[1], encoding="utf-8"))
count = missing = 0
stack = [(node, None) for node in x["roots"]]
while stack:
    node, parent = stack.pop()
    if node.get("missing"):
        missing += 1
        assert node["children"] and not parent
    else:
        count += 1
        assert parent or not node["parent_uid"] or node["own_ancestor"], node
        assert node["trace_id"] == x["trace_id"]
        assert not parent or node["parent_uid"] == parent["uid"], node
    starts = [c.get("started_at", 0) for c in node["children"]]
    assert starts == sorted(starts)
    stack += [(child, node) for child in node["children"]]
assert count == x["calls"] == int(sys.argv[2]), count
PYTHON
}

# ---- one tree, four processes -------------------------------------------------------

mkfifo first last
produce app <first >said 2>&1 &
producers=$!
exec 3>first
cat >&3 <<'STEPS'
begin a1 narrate action alice acme
traceparent a1
uid a1
begin a2 browse query - - a1
ok a2
begin a3 openLot mutation - - a1
traceparent a3
error a3 TAKEN there\sis\sone
touch one
STEPS
until_true test -e one
mapfile -t said <said
root=${said[0]} uid=${said[1]} open=${said[2]}
[[ $root =~ ^00-[0-9a-f]{32}-[0-9a-f]{16}-03$ ]] || fail "traceparent $root"
trace=${root:3:32}
[[ $root == 00-$trace-$uid-03 && $open == 00-$trace-* ]] || fail 'not of one tree'
sleep 0.05
produce app <<STEPS
begin b1 closeAuction mutation - - $open
begin b2 settle mutation - - b1
rollback b2 CONFLICT no
ok b1
STEPS
produce app >/dev/null 2>&1 <<STEPS || true
begin c1 report query - - $root
pend c1 list Bid -
die
STEPS
produce app <last &
producers+=" $!"
exec 4>last
cat >&4 <<STEPS
begin d1 watch action - - $root
touch two
STEPS
until_true test -e two

shape() {
	cat <<'SHAPE'
narrate
├─browse
├─openLot
│ └╌closeAuction
│   └─settle
├─report
└─watch
SHAPE
}

# Some calls are in flight. The tree is found by each of its calls and by its trace id.
for id in "$uid" a1 a2 d1 "$trace" "${trace^^}"; do
	run 0 fntrace show --tree "$id"
	empty err
	shape | as_drawn
done
has out "^trace $trace\$"
has out '^7 calls in 4 processes, '
has out '^CALL +TYPE +ID +UID +OUTCOME +PID +START +TOOK +0 - '
has out "^narrate +action +a1 +$uid +in flight +[0-9]+ +0 ns .* ▏|█"
has out '^├─openLot +mutation +a3 .* error TAKEN '
has out '^│   └─settle +mutation .* rolled back CONFLICT '
has out '^├─report +query +c1 .* aborted '
has out '^└─watch +action +d1 .* in flight '
run 0 fntrace show -t a1 --json
nested 7
json 'x["processes"] == 4 and x["calls_omitted"] == 0 and len(x["roots"]) == 1'
json '[c["fn_name"] for c in x["roots"][0]["children"]] == ["browse", "openLot", "report",
	"watch"]'
json 'x["roots"][0]["outcome"] == {"status": "in_flight"}'
json 'x["roots"][0]["children"][1]["children"][0]["children"][0]["outcome"] == {
	"status": "rolled_back", "code": "CONFLICT", "message": "no"}'
run 0 fntrace show a2
has out '^  tree +has more calls: show --tree$'

# All have ended. Calls that began before their caller ended have no dotted branch.
echo 'ok a1 {"done":true}' >&3
exec 3>&- 4>&-
# shellcheck disable=SC2086
wait $producers
run 0 fntrace show --tree a1
shape | as_drawn
lacks out 'in flight'
has out '^└─watch .* aborted '

# Another tree with the same call id: the newest is shown, with a note.
produce app <<STEPS
begin a1 other query
ok a1
begin a9 alone query
ok a9
STEPS
run 0 fntrace show --tree a1
as_drawn <<<other
has err '^fntrace: 1 older call with this id in other trees'
run 0 fntrace show --tree a9
empty err
as_drawn <<<alone
has out '^1 call in 1 process, '
run 0 fntrace show a9
lacks out 'more calls'

# ---- callers that are not in the region ---------------------------------------------

far=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
produce lost <<STEPS
begin o1 first query - - $far
ok o1
begin o2 second query - - ${far/00f067/11f067}
begin o3 inner query - - o2
ok o3
ok o2
sleep 2
begin o4 third query - - $far
ok o4
STEPS
run 0 fntrace show -r lost --tree 4bf92f3577b34da6a3ce929d0e0e4736
as_drawn <<'SHAPE'
(parent not in the region)
├─first
└─third
(parent not in the region)
└─second
  └─inner
SHAPE
has out '^\(parent not in the region\) +00f067aa0ba902b7$'
run 0 fntrace show -r lost --tree 00f067aa0ba902b7
has out '^4 calls in 1 process'
run 0 fntrace show -r lost --tree o3 --json
nested 4
json '[n["uid"] for n in x["roots"]] == ["00f067aa0ba902b7", "11f067aa0ba902b7"]'

# ---- hostile records ----------------------------------------------------------------

# A call that is its own caller, loops of two and of three calls, a call below a loop, two
# calls with one uid, times at the limits of 64 bits.
produce evil <<'STEPS'
push s1 self 1 1 aa 1000 10
push l1 left 2 3 aa 2000 10
push l2 right 3 2 aa 3000 10
push r1 one 4 6 aa 1500 10
push r2 two 5 4 aa 2500 10
push r3 three 6 5 aa 500 10
push b1 below 7 3 aa 9000 10
push d1 twin 8 0 aa 9100 10
push d2 twin2 8 8 aa 9200 10
push d3 kid 9 8 aa 9300 10
push t1 long a 0 aa 1 18446744073709551615
push t2 late b a aa 18446744073709551615 18446744073709551615
STEPS
run 0 timeout 20 "$FNTRACE" show -r evil --tree s1
has out '^12 calls in 1 process, '
[[ $(drawn | wc -l) == 12 ]] || fail 'not each call once'
has err '^fntrace: 4 calls are their own ancestor, by damaged or forged records'
has out '^self .* ok, its own ancestor '
has out '^left .* ok, its own ancestor '
has out '^└╌right '
has out '^  └╌below '
has out '^three .* ok, its own ancestor '
run 0 timeout 20 "$FNTRACE" show -r evil --tree s1 --json
nested_evil='[n["fn_name"] for n in x["roots"]]'
json "set($nested_evil) >= {'self', 'left', 'three', 'long'}"
json 'x["calls"] == 12 and sum(n.get("own_ancestor", False) for n in x["roots"]) == 4'
produce evil <<'STEPS'
push z1 only c c bb 5 5
STEPS
run 0 fntrace show -r evil --tree z1
has err '^fntrace: 1 call is its own ancestor, by damaged or forged records'

# Names with control characters.
produce names <<STEPS
push n1 a$(printf '\e')[31mb\nc 1 0 cc 5 5
push n2 $(printf '\xe2\x80\xae')d 2 1 cc 6 5
STEPS
run 0 fntrace show -r names --tree n1
has out '^a\\x1b\[31mb\\nc '
has out '^└─\\u202ed '
lacks out $'\e'

# ---- many calls ---------------------------------------------------------------------

# A chain: each call makes the next.
python3 - >steps <<'PYTHON'
for i in range(1, 3001):
    print(f"push k{i} link {i:x} {i - 1:x} dd {i} 1")
PYTHON
produce chain <steps
run 0 timeout 60 "$FNTRACE" show -r chain --tree k1 --all
has out '^3,000 calls in 1 process'
[[ $(wc -l <out) == 3004 ]] || fail 'not each call'
has out '^…2999 ( *└[─╌])+link '
run 0 timeout 60 "$FNTRACE" show -r chain --tree k1 --json
json 'x["calls"] == 3000'
json "open('out').read().count('\"call_id\"') == 3000"
terminal 60 "$FNTRACE" show -r chain --tree k1 --color=never || fail 'at 60'
fits out 60
has out '^…2999 .*link '

# A call that made more calls than are shown; similar ones are folded.
python3 - >steps <<'PYTHON'
print("push top crowd 1 0 ee 1 100000")
for i in range(2, 11002):
    print(f"push k{i} {'odd' if i == 7000 else 'step'} {i:x} 1 ee {i} 3")
PYTHON
FNTRACE_SIZE=32M produce crowd <steps
run 0 timeout 60 "$FNTRACE" show -r crowd --tree 000000000000000000000000000000ee
has err '^fntrace: 1,001 older calls of this tree are not shown$'
has out '^10,000 calls in 1 process'
run 0 fntrace show -r crowd --tree k9000 --json
json 'x["calls"] == 10000 and x["calls_omitted"] == 1001 and x["roots"][0]["missing"]'

{
	echo 'begin p1 importAll action'
	for i in {1..60}; do
		echo "begin k$i importOne mutation - - p1"
		echo "ok k$i"
	done
	echo 'begin k61 importOne mutation - - p1'
	echo 'error k61 BAD no'
	echo 'begin k62 check query - - p1'
	echo 'begin k63 importOne mutation - - k62'
	echo 'ok k63'
	echo 'ok k62'
	echo 'ok p1'
} | produce folds
run 0 fntrace show -r folds --tree p1
as_drawn <<'SHAPE'
importAll
├─importOne
├─importOne
└─check
  └─importOne
SHAPE
has out '^├─importOne +mutation +ok, 60 times '
run 0 fntrace show -r folds --tree p1 --all
[[ $(drawn | wc -l) == 64 ]] || fail 'not every call'

# ---- terminals ----------------------------------------------------------------------

export NO_COLOR=1
for columns in 40 60 80 120 200; do
	for id in "$uid" b1; do
		terminal $columns "$FNTRACE" show -r app --tree $id || fail "at $columns"
		fits out $columns
		has out '^CALL +.*OUTCOME'
	done
done
terminal 60 "$FNTRACE" show -r app --tree $uid || fail 'at 60'
shape | sed 's/^/^/; s/closeAuction/closeAu/' >patterns
while read -r pattern; do
	has out "$pattern"
done <patterns
has out '^CALL +OUTCOME +PID +TOOK +0 - '
has out '█|▏|▐|▕'
terminal 1 "$FNTRACE" show -r app --tree $uid || fail 'at 1'
unset NO_COLOR
run 0 env LC_ALL=C "$FNTRACE" show -r app --tree $uid
! LC_ALL=C grep -q '[^ -~]' out || fail 'not ASCII'
has out '^\| `\.closeAuction '
terminal 120 "$FNTRACE" show -r app --tree b1 || fail 'colour'
has out $'\e''\[1m│ └╌closeAuction'

run 1 fntrace show -r app --tree nothing
one_line err
run 1 fntrace show -r app --tree 00000000000000000000000000000000
one_line err
run 1 fntrace show -r app --tree "${trace%?}x"
one_line err
run 2 fntrace show -r app --tree

finish
