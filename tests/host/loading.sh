#!/usr/bin/env bash
# What the shared library asks of a process that loads it late, by dlopen: little static
# thread-local memory, of which glibc keeps 144 bytes for all such libraries; no symbol that is
# resolved at its first call, under the loader's lock; and no lock of the C library's that a
# thread could wait for without an end.
#
#	tests/host/loading.sh LIBRARY
set -euo pipefail
library=$1 failed=0

fail() {
	printf '%s: %s\n' "$library" "$1"
	failed=1
}

bytes=$(($(readelf -lW "$library" | awk '$1 == "TLS" { print $6 }')))
((bytes <= 144)) || fail "$bytes bytes of thread-local variables"
readelf -dW "$library" | grep -q 'Flags:.* NOW\|Flags: NOW' || fail 'symbols are resolved late'
waits=$(nm -D --undefined-only "$library" |
	grep -E 'pthread_(mutex|rwlock|spin|cond|barrier)_|__cxa_thread_atexit' || true)
[[ -z $waits ]] || fail "waits in, or registers with, the C library: $waits"
((failed == 0)) || exit 1
printf '%d bytes of thread-local variables\n' "$bytes"
