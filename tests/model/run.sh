#!/usr/bin/env bash
# Check the models exhaustively, and that each of their guards is needed.
#
#       tests/model/run.sh [--short|--more SECONDS] [SCRATCH_DIR]
#
# Takes two minutes on two processors. --short leaves out the largest models, but not their
# smaller variants. --more adds larger ones, whose states are hashed into bits (spin's
# BITSTATE), and which end when each has had its share of SECONDS. Runs one model on each
# processor; the largest takes 760 MB. Prints the states of each. Exits with 0, 1, or 77
# (skipped) where spin is not installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command -v spin >/dev/null || { echo "no spin: skipped"; exit 77; }

size=long more_s=0
case ${1:-} in
--short) size=short ;;
--more) size=more more_s=${2:?seconds} && shift ;;
esac
[[ $size == long ]] || shift

if [[ -n ${1:-} ]]; then
	scratch=$(mktemp -d "$1/XXXXXX")
else
	scratch=$(mktemp -d)
fi
trap 'rm -rf "$scratch"' EXIT
jobs=$(nproc)

# explore MODEL [CC_OPTION]... -- [-D…]...: leaves the log of the search in pan.log
explore() {
	local model=$1 how=()
	shift
	while [[ $1 != -- ]]; do
		how+=("$1")
		shift
	done
	shift
	spin -a "$@" "$here/$model.pml" >pan.log 2>&1 || return
	"${CC:-cc}" -O1 -w -DSAFETY "${how[@]}" -o pan pan.c >pan.log 2>&1 || return
	case $flags in
	*LARGE*) timeout "$each_s" ./pan -m3000000 -w31 >pan.log 2>&1 || cut_off $? ;;
	*) ./pan -m1000000 -w22 >pan.log 2>&1 || true ;;
	esac
}

cut_off() {
	if [[ $1 == 124 ]]; then
		printf 'cut off\n' >>pan.log
	fi
}

# The result of a search. Only a complete search proves that the model holds, and only a
# failed assertion, or a process that is stuck, that it fails.
verdict() {
	if grep -q '^cut off' pan.log && ! grep -q '^pan:1:' pan.log; then
		echo holds # as far as the search got
	elif grep -Eq 'search depth too small|out of memory|search not completed' pan.log &&
		! grep -q '^pan:1: assertion violated' pan.log; then
		echo unclear
	elif grep -Eq '^pan:1: (assertion violated|invalid end state)' pan.log; then
		echo fails
	elif grep -q 'errors: 0' pan.log; then
		echo holds
	else
		echo unclear
	fi
}

# check MODEL OUTCOME [CC_OPTION]... -- [-D…]...
check() {
	local model=$1 outcome=$2 got states flags dir
	shift 2
	flags=${*#*-- }
	dir=$scratch/$model.$outcome.${flags//[^A-Z_0-9=]/}
	mkdir "$dir"
	cd "$dir"
	explore "$model" "$@"
	got=$(verdict)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log | head -n 1)
	if [[ -z $states ]]; then
		states=$(sed -n 's/.*States= *\([0-9.e+]*\).*/\1/p' pan.log | tail -n 1)
	fi
	printf '%-7s %-40s %s, %s states%s\n' "$model" "${flags#-- }" "$got" \
		"${states:-no}" "$(sed -n 's/^cut off/, &/p' pan.log)"
	if [[ $got != "$outcome" ]]; then
		printf 'FAILED: expected: %s\n' "$outcome"
		tail -n 25 pan.log
		touch "$scratch/failed"
	fi
	rm -f pan pan.*
}

start() {
	while (($(jobs -rp | wc -l) >= jobs)); do
		wait -n
	done
	check "$@" &
}

if [[ $size == more ]]; then
	each_s=$(((more_s * jobs + 3) / 4))
	start ring holds -O2 -DBITSTATE -- -DWRITERS=3 -DRECORDS=2 -DLARGE
	start frames holds -O2 -DBITSTATE -- -DTWO_REAPERS -DLAPS=3 -DLARGE
	start frames holds -O2 -DBITSTATE -- -DTWO_REAPERS -DDEATHS=3 -DLAPS=2 -DLARGE
	start frames holds -O2 -DBITSTATE -- -DTWO_REAPERS -DREADER -DLAPS=1 -DLARGE
fi
if [[ $size != short ]]; then
	start frames holds -O2 -DCOLLAPSE -- -DTWO_REAPERS -DLAPS=2
	start ring holds -- -DWRITERS=3 -DRECORDS=1
	# A dead owner's own mark is wiped in two places, and one would do. A dead reaper's
	# mark needs the one that NO_UNMARK removes.
	start frames holds -- -DNO_WIPE
fi
start frames holds -- -DREADER -DDEATHS=1 -DLAPS=2
start frames fails -DREVERSE -- -DTWO_REAPERS -DLAPS=2 -DNO_MARK_AGAIN
start frames holds --
start ring holds -- -DWRITERS=2
for guard in NO_BUSY NO_LAP NO_SECOND_LOOK COMMIT_EARLY REAP_LIVE NO_REAP; do
	start ring fails -- -DWRITERS=2 "-D$guard"
done
for guard in NO_MARK MARK_LATE NO_LOCK NO_UNMARK CLEAR_FIRST NO_BUSY FREE_FIRST; do
	start frames fails -- "-D$guard"
done
wait
[[ ! -e $scratch/failed ]]
