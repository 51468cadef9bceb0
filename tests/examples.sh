#!/usr/bin/env bash
# The examples of lib/README.md compile as they are, and do what the text says.
#
#   examples.sh README LIBRARY INCLUDE
set -euo pipefail
readme=$1 library=$2 include=$3
read -ra cc <<<"${CC:-cc}" # CC may be "ccache cc"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
awk -v dir="$scratch" '
	/^```c$/ { n++; on = 1; next }
	/^```$/ { on = 0 }
	on { print > (dir "/example" n ".c") }' "$readme"
[[ -f $scratch/example2.c && ! -f $scratch/example3.c ]] ||
	{ echo "want two examples in $readme"; exit 1; }
for n in 1 2; do
	"${cc[@]}" -std=c11 -Wall -Werror -I"$include" "$scratch/example$n.c" -o "$scratch/example$n" \
		${CFLAGS:-} "$library" $(pkg-config --libs liburcu-bp) \
		$(pkg-config --libs msgpack 2>/dev/null || pkg-config --libs msgpack-c) -lpthread
done
export FNTRACE_DIR=$scratch/regions
"$scratch/example1"
out=$("$scratch/example2")
[[ $out == "placeBid ok" ]] || { echo "the reader printed: $out"; exit 1; }
