#!/usr/bin/env bash
# What the tool says of a copy of a region, and of a call that hung and was killed.
source "$(dirname "$0")/common.sh"
set -u

mkfifo steps

# ---- a copy, while its producer lives ---------------------------------------------------

"$PRODUCE" app <steps &
producer=$!
exec 3>steps
printf 'begin c1 slow action\npend c1 list Bid -\ntouch one\n' >&3
until_true test -e one
cp "$FNTRACE_DIR/app.fnt" "$FNTRACE_DIR/copied.fnt"

run 0 fntrace list
has out '^app +.* produce '
has out '^copied +.* a copy'
run 0 fntrace list --json
has out '"name":"copied".*"state":"copy"'
has out '"name":"app".*"state":"current"'

run 0 fntrace ps -r app
has out 'in flight'
[[ ! -s err ]] || fail 'a note about a region that is current'
run 0 fntrace ps -r copied
has out 'as of the copy'
lacks out 'aborted'
has err 'a copy of a region'
run 0 fntrace ps -r copied --json
has out '"status":"in_flight".*"as_of_copy":true'
run 0 fntrace show -r copied c1
has out '^slow +action +as of the copy for'
has out 'what became of it is not known here'
run 0 fntrace recent -r copied
has err 'a copy of a region'
run 0 fntrace stat -r copied --json
has out '"orphaned":0.*"state":"copy"'

# ---- a call that hung and was killed ------------------------------------------------------

kill -9 "$producer"
wait "$producer" 2>/dev/null || true
exec 3>&-
run 0 fntrace ps -r app --json
has out '"status":"aborted".*"elapsed_ms":.*"seen_dead_ms":'
run 0 fntrace ps -r copied
has out 'as of the copy'
printf 'begin c2 next query\nok c2\n' | produce app
run 0 fntrace recent -r app
has out 'aborted in list Bid, last sign after .*, dead by '
run 0 fntrace show -r app c1
has out '^slow +action +aborted, last sign after .*, dead by '
run 0 fntrace recent -r app --json
has out '"elapsed_ms":.*"seen_dead_ms":'

# ---- a process that writes to the copy makes it a region ----------------------------------

printf 'begin c3 next query\nok c3\n' | produce copied
run 0 fntrace list --json
has out '"name":"copied".*"state":"current"'
run 0 fntrace recent -r copied
has out ' unknown in list Bid'
[[ ! -s err ]] || fail 'a note about a region that is current'

finish
