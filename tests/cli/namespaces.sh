#!/usr/bin/env bash
# Processes in other time and pid namespaces: their times are those of the region, and
# their pids are shown as they are here and there. Skipped where unshare is refused.
source "$(dirname "$0")/common.sh"
set -u

day=86400

if unshare -T --monotonic $day --fork true 2>/dev/null; then
	# Both rings are merged by time: of a process here, one that is a day ahead, one here.
	printf 'begin a1 f query\nerror a1 NO no\n' | produce app
	printf 'begin b1 f query\nok b1\n' |
		unshare -T --monotonic $day --fork "$PRODUCE" app
	printf 'begin b2 f query\nok b2\n' |
		unshare -T --monotonic -1 --fork "$PRODUCE" app
	printf 'begin a2 f query\nerror a2 NO no\n' | produce app
	run 0 fntrace recent -r app --json
	json '[t["call_id"] for t in x] == ["a2", "b2", "b1", "a1"]'
	json 'x[0]["started_mono_ms"] - x[3]["started_mono_ms"] < 3600e3'
	json 'not any("time_unknown" in t for t in x)'

	mkfifo ahead
	unshare -T --monotonic $day --fork "$PRODUCE" app <ahead &
	exec 3>ahead
	printf 'begin c1 f query\ntouch begun\n' >&3
	until_true test -e begun
	run 0 fntrace ps -r app --json
	json 'len(x) == 1 and x[0]["elapsed_ms"] < 3600e3'
	# A reader that is in such a namespace itself.
	run 0 unshare -T --monotonic $day --fork "$FNTRACE" ps -r app --json
	json 'len(x) == 1 and x[0]["elapsed_ms"] < 3600e3'
	exec 3>&-
	wait
	time_done=1
fi

if unshare -p --fork --mount-proc true 2>/dev/null; then
	mkfifo inside
	unshare -p --fork --mount-proc "$PRODUCE" pids <inside &
	exec 3>inside
	printf 'begin d1 f query\ntouch within\n' >&3
	until_true test -e within
	run 0 fntrace ps -r pids --json
	json 'x[0]["pid"] < 100 and x[0]["host_pid"] > x[0]["pid"]'
	json 'x[0]["pid_ns"] > 0'
	run 0 fntrace ps -r pids
	has out '^ *[0-9]+ \([0-9]+\) '
	run 0 fntrace show -r pids d1
	has out 'of its container, here pid [0-9]+'
	run 0 fntrace list --json
	has out '"host_pid":'
	exec 3>&-
	wait
	pid_done=1
fi

if [[ -z ${time_done:-}${pid_done:-} ]]; then
	echo 'unshare of time and pid namespaces is refused: skipped'
	exit 77
fi
finish
