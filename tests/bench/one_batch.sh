#!/bin/sh
# one_batch.sh PROGRAM: two batches of calls by a variant of the library that is only
# measured, so that a change that breaks it is seen where it is made.
set -eu
FNTRACE_DIR=$(mktemp -d)
export FNTRACE_DIR
trap 'rm -rf "$FNTRACE_DIR"' EXIT
batches=$(printf 'go\ngo\n' | "$1" region one batch_ms 1 | grep -c '^ns=[0-9]')
[ "$batches" = 2 ]
