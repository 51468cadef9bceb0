#!/usr/bin/env bash
# fntrace ctl get, set, fn, reset: settings are shown, changed or refused, and a live
# process follows them.
set -eu
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

# ---- without a region ----------------------------------------------------------------

for what in get 'set keep=1' 'fn f keep=1' reset; do
	# shellcheck disable=SC2086
	run 1 fntrace ctl $what
	one_line err
	has err 'no region yet'
	# shellcheck disable=SC2086
	run 1 fntrace ctl $what -r nowhere
	one_line err
	has err 'no such region'
done

produce app </dev/null

# ---- get -----------------------------------------------------------------------------

run 0 fntrace ctl get
has out '^  enabled +on \(default\)$'
has out '^  slow +off \(default\)$'
empty err
run 0 fntrace ctl get --json
json 'x["settings"] == {"enabled": True, "keep": 1, "slow_ns": 0, "keep_errors": True,
	"rate": 0, "capture.values": "on", "capture.ids": "on", "capture.users": "on"}'
json 'x["functions"] == [] and x["functions_max"] == 64 and x["path"].endswith("app.fnt")'

# ---- set, fn, reset ------------------------------------------------------------------

run 0 fntrace ctl set keep=0.05 slow=50ms -r app
has out '^all functions: keep=0.05 slow=50ms$'
empty err
run 0 fntrace ctl fn 'todo:*' rate=10 capture.users=hash
has out '^todo:\*: rate=10 capture.users=hash$'
run 0 fntrace ctl fn 'odd name="x":y' enabled=off
run 0 fntrace ctl get
has out '^  keep +0.05$'
has out '^  rate +off \(default\)$'
has out 'todo:\* +rate=10 capture.users=hash'
run 0 fntrace ctl get --json
json 'x["settings"]["keep"] == 0.05 and x["settings"]["slow_ns"] == 50000000'
json 'x["functions"] == [{"name": "odd name=\"x\":y", "enabled": False},
	{"name": "todo:*", "rate": 10, "capture.users": "hash"}]'
run 0 fntrace stat
has out '^settings$'
has out '^  keep=0.05 slow=50ms$'
has out '^  todo:\*  rate=10 capture.users=hash$'
run 0 fntrace ctl set slow=default
has out '^all functions: keep=0.05$'
run 0 fntrace ctl reset 'todo:*'
has out '^todo:\*: no settings of its own$'
run 0 fntrace ctl reset
has out '^all functions: default$'
run 0 fntrace ctl get --json
json 'x["functions"] == [] and x["settings"]["keep"] == 1'
run 0 fntrace stat
lacks out '^settings$'

# ---- refused changes leave the region as it is ----------------------------------------

run 0 fntrace ctl set keep=0.5
cp "$FNTRACE_DIR/app.fnt" before

# refused STATUS PATTERN ARGUMENTS...
refused() {
	local status=$1 pattern=$2
	shift 2
	run "$status" fntrace ctl "$@"
	empty out
	has err "^fntrace: $pattern"
	cmp -s "$FNTRACE_DIR/app.fnt" before || fail "ctl $*: the region has changed"
}

refused 2 'ctl set: no setting "kepe"; did you mean "keep"\?$' set kepe=1
refused 2 'ctl fn: no setting "capture.user"; did you mean "capture.users"\?$' fn f capture.user=on
refused 2 'no setting "zzzzzz"; there are: enabled, keep, slow, keep_errors, rate, capture' set zzzzzz=1
refused 2 'keep=2: give a share, 0 to 1' set slow=1s keep=2 rate=1
refused 2 'slow=50: give a time of at most 24h with its unit' set slow=50
refused 2 'rate=many: give calls a second, 1 to 4294967295; or off' fn f rate=many
refused 2 'enabled=maybe: give on or off' set enabled=maybe
refused 2 'capture.ids=some: give on, off or hash' set capture.ids=some
refused 2 'setting "keep" has no value; give KEY=VALUE$' set keep
refused 2 'ctl set: which settings\? give KEY=VALUE' set
refused 2 'ctl fn: which function\?' fn
refused 2 'ctl fn: which settings of it\?' fn f
refused 2 'ctl reset: unexpected "g"' reset f g
refused 2 'function "": give a name' fn '' keep=1
refused 1 'f: has no settings of its own' reset f
refused 2 'ctl: no command "sett"; did you mean "set"\?' sett keep=1
refused 2 'ctl: a command comes first, before the option -r' -r app get
refused 2 'ctl get: unexpected "keep"' get keep
run 2 fntrace ctl
empty out
has err '^usage: fntrace ctl COMMAND'

for what in get set fn reset; do
	run 0 fntrace ctl "$what" --help
	has out "^usage: fntrace ctl $what"
	has out "^  -r, --region REGION"
	empty err
done

# The table of functions is full.
for i in {1..64}; do
	fntrace ctl fn "f$i" rate=1 >out 2>err || fail "fn f$i"
done
run 1 fntrace ctl fn f65 rate=1
has err '^fntrace: f65: the region has room for 64 functions'
run 0 fntrace ctl reset f7
run 0 fntrace ctl fn f65 rate=1
run 0 fntrace ctl reset

# Without permission to write.
if [[ $(id -u) != 0 ]]; then
	chmod a-w "$FNTRACE_DIR/app.fnt"
	run 1 fntrace ctl set keep=1
	has err 'no permission to change it'
	run 0 fntrace ctl get
	chmod u+w "$FNTRACE_DIR/app.fnt"
fi
printf 'not a region' >other.fnt
run 1 fntrace ctl set keep=1 -r ./other.fnt
has err 'not an fntrace region'

# ---- a process follows ----------------------------------------------------------------

"$PRODUCE" live <<STEPS &
many 10 before
touch $scratch/one
wait $scratch/two
many 10 none
touch $scratch/three
wait $scratch/four
many 10 again
begin c f query secret
op c get T hidden 5 1 ok
ok c {"x":1}
touch $scratch/five
wait $scratch/six
STEPS
until_true test -e one
run 0 fntrace ctl set enabled=off -p $!
touch two
until_true test -e three
run 0 fntrace stat -r live --json
json 'x["total"] == 10 and x["recorded"] == 10'
run 0 fntrace ctl set enabled=on capture.users=hash capture.ids=off capture.values=off -r live
run 0 fntrace ctl fn 'ag*' keep=0 -r live
touch four
until_true test -e five
run 0 fntrace stat -r live --json
json 'x["total"] == 21 and x["recorded"] == 11 and x["sampled"] == 10'
json 'x["not_kept"] == 10 and x["limited"] == 0 and x["kept_none"] == 0'
run 0 fntrace recent -r live --json -n 1
has out '"user_id":"h:[0-9a-f]{16}"'
lacks out 'secret|hidden|"value"'
touch six
wait

# ---- the settings of a new region -------------------------------------------------------

FNTRACE_SETTINGS='keep=0.25 a:b:keep=1' produce begun </dev/null
run 0 fntrace ctl get --json -r begun
json 'x["settings"]["keep"] == 0.25 and x["functions"] == [{"name": "a:b", "keep": 1}]'
FNTRACE_SETTINGS='kep=1' run 2 "$PRODUCE" wrong
has err 'FNTRACE_SETTINGS: no setting "kep"; there are: enabled'
[[ ! -e $FNTRACE_DIR/wrong.fnt ]] || fail 'a region with bad settings was made'

finish
