#!/bin/sh
# one_batch.sh PROGRAM: make two batches of calls with a build of the library that only the
# benchmark uses, so that a change which breaks it fails a test.
set -eu
FNTRACE_DIR=$(mktemp -d)
export FNTRACE_DIR
trap 'rm -rf "$FNTRACE_DIR"' EXIT
batches=$(printf 'go\ngo\n' | "$1" region one batch_ms 1 | grep -c '^ns=[0-9]')
[ "$batches" = 2 ]
