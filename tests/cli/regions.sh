#!/usr/bin/env bash
# Which region a command reads, and the messages for files that are not regions.
set -eu
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

# ---- no region, one, several --------------------------------------------------------

for command in 'recent' 'show x' 'tail' 'ps' 'stat' 'check'; do
	# shellcheck disable=SC2086
	run 1 fntrace $command
	one_line err
	has err 'no region yet'
	empty out
done
run 0 fntrace list
empty out
run 0 fntrace list --json
json 'x == []'
FNTRACE_DIR=$scratch/nowhere run 0 fntrace list --json
json 'x == []'

story | produce one
run 0 fntrace recent
has out placeBid
run 0 fntrace recent -r one
run 0 fntrace recent -r "$FNTRACE_DIR/one.fnt"
run 0 env FNTRACE_REGION=one "$FNTRACE" recent
run 0 fntrace recent --reg one
(cd "$FNTRACE_DIR" && "$FNTRACE" recent -r one.fnt) >out 2>err || fail 'by .fnt'
has out placeBid

produce two <<<''
run 1 fntrace recent
one_line err
has err 'one, two'
# Of several regions the only one that a live process writes to.
produce two <<STEPS &
begin live watch query
touch running
wait $scratch/enough
ok live
STEPS
live=$!
until_true test -e running
run 0 fntrace ps
has out ' watch '
touch enough
wait "$live"
run 1 fntrace ps
has err 'one, two'
run 0 fntrace recent -r one
run 1 fntrace recent -r three
one_line err
has err 'three.fnt: no such region'
run 1 fntrace recent -r 'bad name'
one_line err
run 1 env FNTRACE_REGION=three "$FNTRACE" recent
one_line err

# A copy of a region can be read.
cp "$FNTRACE_DIR/one.fnt" copy.fnt
run 0 fntrace recent -r copy.fnt
[[ $(wc -l <out) == 6 ]] || fail 'not five calls'

# ---- by pid -------------------------------------------------------------------------

mkfifo steps
"$PRODUCE" one <steps &
producer=$!
exec 9>steps
printf 'begin p1 wait action\ntouch ready\n' >&9
until_true test -e ready
run 0 fntrace ps -p "$producer"
has out 'wait +p1'
run 0 fntrace list
has out "^one .* 1 +0 +produce $producer\$"
has out '^two .* 0 +0$'
run 0 fntrace list --json
json '[r["name"] for r in x] == ["one", "two"] and x[0]["alive"] == 1'
json "x[0]['producers'][0]['pid'] == $producer"
exec 9>&-
wait "$producer"
run 1 fntrace ps -p "$producer"
one_line err
run 1 fntrace ps -p $$
one_line err

# ---- files that are not regions -----------------------------------------------------

# bad FILE WORDS...: every command refuses it with one line that has its name and WORDS.
bad() {
	local file=$1 command
	shift
	for command in recent 'show x' tail ps stat check; do
		# shellcheck disable=SC2086
		run 1 timeout 10 "$FNTRACE" $command -r "$file"
		empty out
		one_line err
		has err "$file: .*$*"
	done
}

# patch FILE OFFSET BYTES: a copy of a good region with BYTES (printf's escapes) at OFFSET.
patch() {
	cp "$FNTRACE_DIR/one.fnt" "$1"
	# shellcheck disable=SC2059
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

: >./empty.fnt
bad ./empty.fnt 'empty'
echo 'not a region at all' >./text.fnt
bad ./text.fnt 'not an fntrace region'
head -c 4096 "$FNTRACE_DIR/one.fnt" >./cut.fnt
bad ./cut.fnt 'truncated'
head -c 100 "$FNTRACE_DIR/one.fnt" >./stub.fnt
bad ./stub.fnt 'truncated'
mkdir ./dir.fnt
bad ./dir.fnt 'a directory'
mkfifo ./fifo.fnt
bad ./fifo.fnt 'a fifo'
ln -s "$FNTRACE_DIR/one.fnt" ./link.fnt
bad ./link.fnt 'symbolic link'
ln -s nowhere ./dangling.fnt
bad ./dangling.fnt 'symbolic link'
bad /dev/null 'not a regular file'
bad ./missing.fnt 'no such region'
patch ./version.fnt 12 '\x63'
bad ./version.fnt 'version 99'
patch ./order.fnt 8 '\x01\x02\x03\x04'
bad ./order.fnt 'byte order'
patch ./feature.fnt 31 '\x80'
bad ./feature.fnt 'features'
# The section table: kind, stride, offset, count, each entry 32 bytes.
patch ./offset.fnt $((88 + 8)) '\xff\xff\xff\xff\xff\xff\xff\x7f'
bad ./offset.fnt 'damaged'
patch ./overlap.fnt $((88 + 32 + 8)) '\x00\x10\x00\x00\x00\x00\x00\x00'
bad ./overlap.fnt 'damaged'
patch ./count.fnt $((88 + 32 + 16)) '\xff\xff\xff\xff\xff\xff\xff\xff'
bad ./count.fnt 'damaged'
patch ./stride.fnt $((88 + 4)) '\x01'
bad ./stride.fnt 'damaged'
patch ./missing-section.fnt 88 '\x77'
bad ./missing-section.fnt 'damaged'
cp "$FNTRACE_DIR/one.fnt" ./secret.fnt
chmod 000 ./secret.fnt
if [[ $(id -u) != 0 ]]; then
	bad ./secret.fnt 'permission denied'
fi

# Nothing was written or created.
cmp -s "$FNTRACE_DIR/one.fnt" <(cat ./secret.fnt 2>/dev/null || cat "$FNTRACE_DIR/one.fnt") ||
	fail 'the region was changed by being read'
[[ ! -e missing.fnt && ! -e nowhere ]] || fail 'reading created a file'

# list shows a region that it cannot read, and why.
cp ./cut.fnt "$FNTRACE_DIR/cut.fnt"
run 0 fntrace list
has out '^cut .* cannot be read$'
has err 'cut.fnt: .*truncated'
run 0 fntrace list --json
json '[r["readable"] for r in x] == [False, True, True]'
json '"truncated" in x[0]["message"] and x[1]["message"] is None'

# ---- what can't be opened is set aside -----------------------------------------------

export FNTRACE_DIR=$scratch/aside
mkdir -m 700 "$FNTRACE_DIR"
truncate -s 16M "$FNTRACE_DIR/zero.fnt"
run 0 fntrace tap -r zero -- true
one_line err
has err 'zero.fnt was set aside as zero.damaged-[0-9]{8}T[0-9]{6}Z.fnt: .*zeroes.*; a new'
run 0 fntrace tap -r zero -- true
empty err
# The only one that can be opened is the one to use.
run 0 fntrace recent
run 0 fntrace stat
has out 'zero.fnt was set aside as zero.damaged-'
run 0 fntrace stat --json
json '"was set aside as zero.damaged-" in x["notice"]'
run 0 fntrace check
has out 'zero.fnt was set aside as zero.damaged-'
run 0 fntrace check --json
json '"was set aside as zero.damaged-" in x["notice"]'
run 0 fntrace list
has out '^zero '
has out '^zero.damaged-[0-9TZ]* .* cannot be read$'
has err 'zero.damaged-.*.fnt: not an fntrace region'

finish
