# shellcheck shell=bash
# Functions shared by the command-line tests. Each test is run as
#
#       FNTRACE=…/fntrace PRODUCE=…/produce tests/cli/NAME.sh [SCRATCH_DIR]
#
# Exit status: 0 passed, 1 failed (with a message), 77 skipped. Regions are in a directory
# of its own, so that tests do not see each other's.

[[ -x ${FNTRACE:-} && -x ${PRODUCE:-} ]] || {
	echo "set FNTRACE and PRODUCE to the paths of the two programs"
	exit 77
}

if [[ -n ${1:-} ]]; then
	mkdir -p "$1"
	scratch=$(mktemp -d "$1/XXXXXX")
else
	scratch=$(mktemp -d)
fi
# Absolute, since the test changes its directory.
scratch=$(realpath "$scratch") FNTRACE=$(realpath "$FNTRACE") PRODUCE=$(realpath "$PRODUCE")
export FNTRACE_DIR=$scratch/regions LC_ALL=C.UTF-8 TERM=xterm
unset FNTRACE_REGION FNTRACE_SIZE FNTRACE_NAMES NO_COLOR COLUMNS
mkdir -m 700 "$FNTRACE_DIR"
trap 'jobs -p | xargs -r kill 2>/dev/null || true; rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1

failures=0

# fail MESSAGE: count and print a failure, with the output of the last command.
fail() {
	failures=$((failures + 1))
	printf 'FAILED (line %s): %s\n' "${BASH_LINENO[-2]}" "$1"
	sed -n '1,20s/^/    out: /p' out 2>/dev/null | cat -v
	sed -n '1,20s/^/    err: /p' err 2>/dev/null | cat -v
}

# run STATUS COMMAND...: checks its exit status; its output goes to the files out and err.
run() {
	local want=$1 got=0
	shift
	"$@" >out 2>err </dev/null || got=$?
	[[ $got == "$want" ]] || fail "$*: exit $got, wanted $want"
}

fntrace() {
	"$FNTRACE" "$@"
}

# has FILE REGEX, lacks FILE REGEX: whether a line matches the extended regular expression.
has() {
	grep -Eq -- "$2" "$1" || fail "$1 lacks: $2"
}

lacks() {
	! grep -Eq -- "$2" "$1" || fail "$1 has: $2"
}

# one_line FILE: it is one message: a single line that begins with "fntrace: ".
one_line() {
	if [[ $(wc -l <"$1") != 1 ]] || ! grep -q '^fntrace: ' "$1"; then
		fail "$1: not one line"
	fi
}

empty() {
	[[ ! -s $1 ]] || fail "$1 is not empty"
}

# json EXPRESSION: the Python expression is true of x, the JSON in the file out.
json() {
	python3 - "$1" out <<'PYTHON' || fail "not true: $1"
import json, sys
with open(sys.argv[2], encoding="utf-8", newline="") as file:
    x = json.load(file)
sys.exit(not eval(sys.argv[1]))
PYTHON
}

# produce REGION: records the steps on stdin (produce.c).
produce() {
	"$PRODUCE" "$@"
}

# terminal COLUMNS COMMAND...: runs it on a terminal of that width; its output goes to out.
terminal() {
	python3 - "$@" >out 2>err <<'PYTHON'
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    size = struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0)
    fcntl.ioctl(1, termios.TIOCSWINSZ, size)
    os.execv(sys.argv[2], sys.argv[2:])
while True:
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    sys.stdout.buffer.write(data.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
}

# until_true COMMAND...: repeats it until it succeeds, for ten seconds.
until_true() {
	for _ in {1..500}; do
		"$@" && return
		sleep 0.02
	done
	fail "never true: $*"
	return 1
}

# Steps used by several tests: five calls, one of them made by another.
story() {
	cat <<'STEPS'
begin c1 placeBid mutation alice acme
op c1 lookup Lot - 100 1 ok
op c1 insert Bid 17 2500 - ok
op c1 update Lot 17 40 - failed
begin c2 notify action - - c1
stream c2 1200
stream c2 1000
schedule c2 sendMail 5000 -
schedule c2 cleanup - 1795447155319
ok c2
ok c1 {"accepted":true,"amount":60}
begin c3 browse query
error c3 NOT_FOUND no\ssuch\slot
begin c4 pay mutation
rollback c4 CONFLICT too\slate
begin c5 gone action
abandon c5
STEPS
}

finish() {
	((failures == 0)) || printf '%s failed\n' "$failures"
	exit $((failures > 0))
}
