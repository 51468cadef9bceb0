#!/usr/bin/env bash
# Each public header compiles by itself, without a warning, as C and as C++. Compilers that
# are not installed are passed over, and named.
#
#	tests/headers.sh INCLUDE_DIR
set -euo pipefail
include=$1
failed=0 passed=0 missing=()

# compiles COMMAND HEADER LANGUAGE
compiles() {
	printf '#include <fntrace/%s>\n' "$2" | $1 -x "$3" -I"$include" -fsyntax-only -Werror -
}

while read -r command; do
	compiler=${command%% *}
	if ! command -v "$compiler" >/dev/null; then
		missing+=("$compiler")
		continue
	fi
	language=c
	[[ $compiler != *++ ]] || language=c++
	for path in "$include"/fntrace/*.h; do
		header=${path##*/}
		# The one header that is no interface of its own.
		[[ $header != inline.h ]] || continue
		if compiles "$command" "$header" "$language"; then
			passed=$((passed + 1))
		else
			printf '%s: <fntrace/%s> does not compile clean\n' "$command" "$header"
			failed=1
		fi
	done
	if compiles "$command" inline.h "$language" 2>/dev/null; then
		printf '%s: inline.h can be included directly\n' "$command"
		failed=1
	fi
done <<'COMMANDS'
gcc -std=c11 -pedantic -Wall -Wextra
gcc -O2 -std=c11 -pedantic -Wall -Wextra -Wconversion -Wstrict-prototypes -Wshadow
g++ -std=c++11 -pedantic -Wall -Wextra
g++ -O2 -std=c++11 -pedantic -Wall -Wextra -Wconversion -Wold-style-cast -Wshadow
clang -O2 -std=c11 -pedantic -Wall -Wextra -Wconversion
clang++ -O2 -std=c++17 -Wall -Wextra -Wold-style-cast
clang++ -O2 -std=c++11 -pedantic -Wall -Wextra -Wconversion -Wold-style-cast
COMMANDS

((${#missing[@]} == 0)) || printf 'not installed: %s\n' "${missing[*]}"
if ((passed + failed == 0)); then
	printf 'skipped: none of the compilers is installed\n'
	exit 77
fi
((failed)) || printf '%d compiled clean\n' "$passed"
exit "$failed"
