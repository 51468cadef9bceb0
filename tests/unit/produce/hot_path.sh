#!/usr/bin/env bash
# A producer in steady state makes no system call between begin and finish, and allocates
# nothing. The argument is the producer, hot_path.
set -euo pipefail

program=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$program" "$scratch/plain.fnt" 100000
if ! strace -o "$scratch/try" true 2>/dev/null; then
	echo "strace is not installed, or not allowed to trace: skipped"
	exit 77
fi

# quiet SETTINGS...: with these settings, fail if a call in steady state makes a system call.
quiet() {
	local between
	rm -f "$scratch/traced.fnt" # settings apply only to a new region
	FNTRACE_SETTINGS="$*" strace -f -o "$scratch/trace" "$program" "$scratch/traced.fnt" 100000
	if [[ $(grep -c 'getppid()' "$scratch/trace") != 2 ]]; then
		echo "the trace does not show where the calls begin and end"
		exit 1
	fi
	between=$(awk '/getppid\(\)/ { inside = !inside; next } inside' "$scratch/trace" |
		grep -v MADV_POPULATE_WRITE || true) # after a call's end, as shown above
	if [[ -n $between ]]; then
		printf 'system calls between begin and finish, with "%s":\n%s\n' "$*" "$between" |
			head -n 20
		exit 1
	fi
}

# In the first lap, the ring's pages are mapped by a system call after calls that end: none
# is between a call's begin and its finish.
rm -f "$scratch/fresh.fnt"
strace -f -o "$scratch/trace" "$program" "$scratch/fresh.fnt" 6000 first
if [[ $(grep -c 'getppid()' "$scratch/trace") != 12000 ]]; then
	echo "the trace does not show the calls of the first lap"
	exit 1
fi
# The first op registers its entity's name, in memory alone.
between=$(awk '/getppid\(\)/ { inside = !inside; next } inside' "$scratch/trace")
if [[ -n $between ]]; then
	printf 'system calls inside calls of the first lap:\n%s\n' "$between" | head -n 20
	exit 1
fi

quiet
quiet keep=0.5
quiet rate=1000 slow=1s
quiet capture.ids=hash capture.users=hash capture.values=hash
quiet keep=0.9 rate=1000000 'todo:*:keep=0.2' todo:get:keep=0
quiet enabled=off todo:add:enabled=on todo:later:rate=1 todo:list:enabled=on todo:get:keep=0
echo "no system call in 100000 calls"
