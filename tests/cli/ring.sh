#!/usr/bin/env bash
# fntrace ctl resize, rotate, reap, rm: while a process writes to the region.
set -eu
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

# await FILE: waits until it exists, for ten seconds.
await() {
	for _ in {1..200}; do
		[[ -e $1 ]] && return
		sleep 0.05
	done
	fail "$1 does not exist"
}

here=$PWD
{
	echo "begin open slow action"
	echo "many 1000 early"
	echo "begin e1 pay mutation"
	echo "error e1 NO money"
	echo "touch $here/t1"
	echo "wait $here/g1"
	echo "many 2000 later"
	echo "touch $here/t2"
	echo "wait $here/g2"
	echo "many 10 last"
	echo "touch $here/t3"
	echo "wait $here/g3"
	echo "die"
} | "$PRODUCE" app &
await t1

# ---- resize -------------------------------------------------------------------------

run 0 fntrace ctl resize 24M -r app
has out ': 24 MiB, [0-9,]+ ring cells and [0-9,]+ for errors and slow calls$'
has out 'of the old rings not freed yet: their records stay readable until'
run 0 fntrace stat -r app
has out '24 MiB'
has out 'retained +1,001 '
run 0 fntrace check -r app
has out 'no problems; 1,001 records'
touch g1
await t2
run 0 fntrace stat -r app
has out 'retained +3,001 '
run 0 fntrace recent -r app -n 2001
has out 'error NO: money'
for size in 0 1K 300K 1T; do
	run 1 fntrace ctl resize $size -r app
	one_line err
	has err 'a size of .*: give .* to 64 GiB'
done
run 2 fntrace ctl resize -r app
run 2 fntrace ctl resize lots -r app
has err 'lots: not a size, such as 64M'
run 2 fntrace ctl resize 1M 2M -r app
run 1 fntrace ctl resize 24M -r nosuch
has err 'no such region'

# ---- rotate -------------------------------------------------------------------------

run 0 fntrace ctl rotate -r app -o frozen.fnt
has out ': 3,001 records now in frozen.fnt$'
run 0 fntrace check -r frozen.fnt
has out 'no problems; 3,001 records in .* 0 in flight'
run 0 fntrace recent -r frozen.fnt -n 1
has out 'later'
run 0 fntrace stat -r frozen.fnt
has out 'recorded +3,001 '
run 0 fntrace ps -r app
has out 'open'
run 0 fntrace stat -r app
has out 'retained +0 '
has out 'total +3,001 '
run 1 fntrace ctl rotate -r app -o frozen.fnt
has err 'frozen.fnt: the file exists already; name another one'
one_line err
run 1 fntrace ctl rotate -r app -o /nowhere/x.fnt
has err '/nowhere: No such file'
touch g2
await t3
run 0 fntrace ctl rotate -r app
has out ': 10 records now in .*/app\.[0-9]{8}-[0-9]{6}\.fnt$'
made=$(sed -nE 's/.* now in (.*)$/\1/p' out)
run 0 fntrace recent -r "$made" -n 20
[[ $(grep -c last out) == 10 ]] || fail 'not the ten'
run 0 fntrace list
has out 'app\.[0-9]{8}-.* frozen$'
run 0 fntrace list --json
has out '"name":"app",.*"frozen":false'
has out '"name":"app\.[0-9-]*",.*"frozen":true'

# A frozen region has no settings to change.
for change in 'set keep=0.5' 'fn f keep=0.5' reset; do
	# shellcheck disable=SC2086
	run 1 fntrace ctl $change -r ./frozen.fnt
	has err 'frozen\.fnt: a copy made by a rotation, whose settings no process uses; change those'
	one_line err
	empty out
done
run 0 fntrace ctl get -r ./frozen.fnt
lacks out '0\.5'
run 0 fntrace ctl set keep=0.5 -r app
run 0 fntrace ctl reset -r app

# ---- reap, rm -----------------------------------------------------------------------

run 0 fntrace ctl reap -r app
has out ': no dead processes$'
run 1 fntrace ctl rm -r app
has err '1 live process writes to it; --force'
touch g3
wait 2>/dev/null || true
run 0 fntrace ctl reap -r app
has out ': cleaned up after 1 dead process$'
# No process writes to it any more. It is still chosen, since the other one is frozen.
run 0 fntrace recent
has out 'slow +open .*aborted'
run 0 fntrace ctl rm -r app
has out ': removed$'
run 1 fntrace recent -r app
[[ ! -e $FNTRACE_DIR/app.fnt ]] || fail 'still there'

chmod 400 frozen.fnt
if [[ $(id -u) != 0 ]]; then
	run 1 fntrace ctl resize 24M -r ./frozen.fnt
	has err 'permission'
fi

run 0 fntrace ctl --help
has out 'resize SIZE'
has out 'rotate'
finish
