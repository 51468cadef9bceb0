#!/usr/bin/env bash
# Check the models exhaustively, and that each of their guards is needed.
#
#       tests/model/run.sh [DIRECTORY]
#
# Prints the states of each; ends with 0, 1, or 77 where there is no spin.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command -v spin >/dev/null || { echo "no spin: skipped"; exit 77; }

scratch=$(mktemp -d ${1:+-p "$1"})
trap 'rm -rf "$scratch"' EXIT
failures=0

# check MODEL OUTCOME [-D…]: OUTCOME is holds or fails. An assertion must be what fails.
check() {
	local model=$1 outcome=$2 dir got states
	shift 2
	dir=$scratch/$model-${*//[^A-Z_0-9]/}
	mkdir "$dir"
	cd "$dir"
	spin -a "$@" "$here/$model.pml" >spin.log 2>&1 || { cat spin.log; exit 1; }
	${CC:-cc} -O2 -w -DSAFETY -o pan pan.c
	./pan -m1000000 -w23 >pan.log 2>&1 || true
	got=unclear
	! grep -q 'errors: 0' pan.log || got=holds
	! grep -Eq '^pan:1: (assertion violated|invalid end state)' pan.log || got=fails
	! grep -Eq 'search depth too small|out of memory|truncated' pan.log || got=unclear
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log | head -n 1)
	printf '%-8s %-18s %s, %s states\n' "$model" "${*:-all guards}" "$got" "$states"
	[[ $got == "$outcome" ]] || {
		failures=$((failures + 1))
		printf 'FAILED: wanted it to be: %s\n' "$outcome"
		tail -n 25 pan.log
	}
	cd "$scratch"
}

check ring holds -DWRITERS=2
check ring holds -DWRITERS=3 -DRECORDS=1
for guard in NO_BUSY NO_LAP NO_SECOND_LOOK COMMIT_EARLY REAP_LIVE NO_REAP; do
	check ring fails -DWRITERS=2 "-D$guard"
done
check frames holds
check frames holds -DREADER -DDEATHS=1 -DLAPS=2
for guard in NO_MARK MARK_LATE NO_LOCK NO_WIPE NO_UNMARK CLEAR_FIRST NO_BUSY FREE_FIRST; do
	check frames fails "-D$guard"
done
((failures == 0))
