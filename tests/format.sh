#!/usr/bin/env bash
# Every C file of lib, include, tools and tests is as clang-format 14 makes it, and has no
# line of more than 88 columns (a tab goes to the next multiple of 8), comments included.
#
#	tests/format.sh SOURCE_ROOT
#
# Prints where a file differs, and each long line. Skipped where clang-format 14 is not
# installed: other versions format some constructs in another way.
set -euo pipefail
cd "$1"

# Macros that LTTng includes several times, in a layout of its own.
except=tests/bench/lttng_events.h
columns=88

for format in clang-format-14 clang-format ''; do
	if [[ -z $format ]]; then
		echo "clang-format 14 is not installed: skipped"
		exit 77
	fi
	! "$format" --version 2>/dev/null | grep -q 'version 14\.' || break
done

mapfile -t files < <(find lib include tools tests -name '*.[ch]' ! -path "$except" | sort)
if ((${#files[@]} < 100)); then
	echo "only ${#files[@]} C files found in $PWD"
	exit 1
fi

failed=0
if ! "$format" --style=file --dry-run --Werror "${files[@]}"; then
	printf 'not formatted: run %s -i on these files\n' "$format"
	failed=1
fi

python3 - "$columns" "${files[@]}" <<'PYTHON' || failed=1
import sys

columns, long_lines = int(sys.argv[1]), 0
for path in sys.argv[2:]:
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        width = len(line.rstrip("\n").expandtabs(8))
        if width > columns:
            print(f"{path}:{number}: {width} columns")
            long_lines += 1
sys.exit(long_lines > 0)
PYTHON
((failed == 0)) || exit 1
printf '%d files, formatted, of at most %d columns\n' "${#files[@]}" "$columns"
