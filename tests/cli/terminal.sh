#!/usr/bin/env bash
# Output on a terminal: no control characters, colour only where it is wanted, and no line
# wider than the terminal.
set -eu
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

# ---- control characters -------------------------------------------------------------

# ESC, BEL, DEL, CSI (C1), right-to-left override, line separator, invalid UTF-8, newline.
evil=$'a\e[31mb\ac\x7fd\xc2\x9be\xe2\x80\xaef\xe2\x80\xa8g\xffh\\ni'
produce app <<STEPS
begin $evil fn$evil mutation user$evil tenant$evil
op $evil insert entity$evil id$evil 10 - ok
schedule $evil sched$evil - -
error $evil code$evil message$evil
begin v1 value query
ok v1 {"text":"a\\u001b[31m$(printf '\xc2\x9b\xe2\x80\xae')"}
STEPS

# Only printable characters, newlines, and UTF-8 of letters.
no_controls() {
	python3 - "$1" <<'PYTHON' || fail "$1: control characters"
import sys, unicodedata
text = open(sys.argv[1], "rb").read().decode("utf-8")
bad = {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
sys.exit(bool(bad))
PYTHON
}

escaped='a\\x1b\[31mb\\x07c\\x7fd\\u009be\\u202ef\\u2028g'
uid=$("$FNTRACE" recent --json -n 2 | python3 -c 'import json,sys; print(json.load(sys.stdin)[1]["uid"])')
for command in recent "show $uid" 'show v1' stat hist list check ps; do
	for json in '' --json; do
		# shellcheck disable=SC2086
		[[ $command$json == list* ]] || set -- -r app
		# shellcheck disable=SC2086
		run 0 fntrace $command "$@" $json
		set --
		no_controls out
		no_controls err
	done
done
run 0 fntrace recent
has out "fn$escaped"
has out "code$escaped.*: message$escaped"
run 0 fntrace show "$uid"
for word in fn user tenant entity id sched code message; do
	has out "$word$escaped"
done
has out 'h\\ni'
# In JSON the escapes are those of JSON, so the value is unchanged.
run 0 fntrace recent --json -n 2
json 'x[1]["fn_name"].startswith("fna\x1b[31mb\x07c\x7fd\x9be\u202ef\u2028g")'
json 'x[0]["outcome"]["value"]["text"] == "a\x1b[31m\x9b\u202e"'
run 1 fntrace show "$evil"
run 1 fntrace recent -r "$evil/x"
no_controls err
# Outside UTF-8 the output is ASCII.
run 0 env LC_ALL=C "$FNTRACE" show "$uid"
! LC_ALL=C grep -q '[^ -~]' out || fail 'not ASCII'

# ---- colour -------------------------------------------------------------------------

esc=$'\e'
story | produce nice
terminal 120 "$FNTRACE" recent -r nice || fail 'recent on a terminal'
has out "$esc\[32mok"
has out "$esc\[1;31merror NOT_FOUND"
run 0 fntrace recent -r nice
lacks out "$esc"
run 0 fntrace recent -r nice --color=always
has out "$esc\[32mok"
run 0 fntrace recent -r nice --color
has out "$esc\[32mok"
terminal 120 "$FNTRACE" recent -r nice --color=never || fail 'never'
lacks out "$esc"
NO_COLOR=1 terminal 120 "$FNTRACE" recent -r nice || fail 'NO_COLOR'
lacks out "$esc"
NO_COLOR='' terminal 120 "$FNTRACE" recent -r nice || fail 'empty NO_COLOR'
has out "$esc\[32mok"
TERM=dumb terminal 120 "$FNTRACE" recent -r nice || fail 'TERM=dumb'
lacks out "$esc"
NO_COLOR=1 run 0 fntrace recent -r nice --color=always
has out "$esc\[32mok"
run 0 fntrace recent -r nice --json --color=always
lacks out "$esc"

# ---- width --------------------------------------------------------------------------

produce wide <<STEPS
begin $(printf 'c%.0s' {1..60}) $(printf 'f%.0s' {1..100}) mutation
op $(printf 'c%.0s' {1..60}) insert $(printf 'e%.0s' {1..100}) $(printf 'i%.0s' {1..60}) 900 - ok
error $(printf 'c%.0s' {1..60}) CODE $(printf 'word\\s%.0s' {1..60})
begin 中文中文中文中文 函数函数函数函数函数函数函数函数函数函数函数函数 query
ok 中文中文中文中文 {"a":"$(printf '文%.0s' {1..90})","b":[1,2,3]}
STEPS

# fits FILE COLUMNS: no line is wider; east Asian characters take two columns.
fits() {
	python3 - "$1" "$2" <<'PYTHON' || fail "$1: wider than $2"
import sys, unicodedata
for line in open(sys.argv[1], encoding="utf-8"):
    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line.rstrip("\n"))
    if width > int(sys.argv[2]):
        sys.exit(f"{width}: {line}")
PYTHON
}

export NO_COLOR=1
for columns in 60 80 120 200; do
	terminal $columns "$FNTRACE" recent -r wide || fail "recent at $columns"
	fits out $columns
	has out 'OUTCOME'
	terminal $columns "$FNTRACE" recent -r nice || fail "recent at $columns"
	fits out $columns
	has out 'NOT_FOUND'
	has out 'placeBid'
	terminal $columns "$FNTRACE" show c1 -r nice || fail "show at $columns"
	fits out $columns
	grep -qE '█|▉|▊|▋|▌|▍|▎|▏|▐|▕' out || fail "show at $columns: no bar"
	terminal $columns "$FNTRACE" stat -r nice || fail "stat at $columns"
	fits out $columns
	terminal $columns "$FNTRACE" ps -r nice || fail "ps at $columns"
done
terminal 60 "$FNTRACE" show 中文中文中文中文 -r wide || fail 'show at 60'
sed -n '/result/,$p' out >value
fits value 60
has value '…'
# On a terminal too narrow for anything the command still succeeds.
terminal 5 "$FNTRACE" recent -r wide || fail 'recent at 5'
terminal 1 "$FNTRACE" show c1 -r nice || fail 'show at 1'
# Lines are cut on a terminal only.
COLUMNS=60 run 0 fntrace recent -r wide
has out "$(printf 'f%.0s' {1..100})"
lacks out '…'

# Help has the same words at every width, and no line is wider. One Python process runs all
# nineteen commands at seven widths.
python3 - "$FNTRACE" >err <<'PYTHON' || fail "$(cat err)"
import fcntl, os, pty, struct, subprocess, sys, termios

def output(command, columns):
    """Its output on a terminal of that width; 0: into a pipe."""
    if not columns:
        return subprocess.run(command, capture_output=True, text=True).stdout
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        text = b""
        while True:
            try:
                more = os.read(ours, 65536)
            except OSError:
                break
            if not more:
                break
            text += more
    os.close(ours)
    return text.decode().replace("\r\n", "\n")

commands = [["help"]] + [["help", word] for word in
    "tap recent show tail ps stat hist list check ctl".split()]
commands += [["ctl", word, "-h"] for word in
    "get set fn reset resize rotate reap rm".split()]
for command in commands:
    whole = output([sys.argv[1], *command], 0)
    for columns in 5, 30, 46, 60, 72, 80, 200:
        text = output([sys.argv[1], *command], columns)
        if text.split() != whole.split() or not whole:
            sys.exit(print(f"{command} at {columns}: other words") or 1)
        wide = [line for line in text.split("\n") if len(line) > columns]
        if wide and columns >= 46:
            sys.exit(print(f"{command} at {columns}: {wide[0]}") or 1)
PYTHON
terminal 46 "$FNTRACE" show --nothing && fail 'show --nothing'
sed '1d' out >usage
fits usage 46
has usage 'TRACE_ID'
terminal 46 "$FNTRACE" && fail 'without a command'
fits out 46

# ---- output that cannot be written --------------------------------------------------

if [[ -e /dev/full ]]; then
	status=0
	"$FNTRACE" recent -r nice >/dev/full 2>err || status=$?
	[[ $status == 1 ]] || fail "/dev/full: exit $status"
	one_line err
	has err 'No space left'
fi
status=0
"$FNTRACE" stat -r nice >&- 2>err || status=$?
[[ $status == 1 ]] || fail "closed stdout: exit $status"
one_line err
"$FNTRACE" recent -r nice 2>&- >/dev/null || fail 'closed stderr'
(
	trap '' PIPE
	"$FNTRACE" recent -r wide --json -n 100 2>err
) | true
empty err

finish
