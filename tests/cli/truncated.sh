#!/usr/bin/env bash
# The region's file is truncated, before a command opens it or while it reads it: the
# command prints an error of one line.
. "$(dirname "$0")/common.sh"

region=$FNTRACE_DIR/app.fnt
story | produce app
size=$(stat -c %s "$region")

# Truncated before: refused at open.
for command in recent ps stat check tail 'show c1'; do
	cp "$region" cut.fnt
	truncate -s $((size / 2)) cut.fnt
	# shellcheck disable=SC2086
	run 1 fntrace $command -r ./cut.fnt
	one_line err
	has err truncated
done

# Truncated or overwritten while tail follows it.
spoil() {
	case $1 in
	half) truncate -s $((size / 2)) cut.fnt ;;
	empty) : >cut.fnt ;;
	page) truncate -s 4096 cut.fnt ;;
	over) cat other.fnt >cut.fnt ;;
	esac
}
story | produce other
cp "$FNTRACE_DIR/other.fnt" other.fnt
for how in half empty page over; do
	cp "$region" cut.fnt
	"$FNTRACE" tail -n 5 -r ./cut.fnt >out 2>err </dev/null &
	pid=$!
	until_true grep -q c1 out
	spoil "$how"
	got=0
	wait "$pid" || got=$?
	[[ $got == 1 ]] || fail "tail of a damaged region ($how): exit $got"
	one_line err
done

# Truncated and replaced again and again while other commands read: each succeeds or prints
# an error, and none dies of a signal.
spoiler() {
	while :; do
		truncate -s 4096 cut.fnt
		cp "$region" cut.fnt
	done
}
spoiler &
pid=$!
for _ in {1..40}; do
	for command in recent ps stat hist check; do
		got=0
		"$FNTRACE" "$command" -r ./cut.fnt >out 2>err </dev/null || got=$?
		((got <= 1)) || fail "$command: exit $got"
	done
done
kill "$pid"
wait "$pid" 2>/dev/null || true
finish
