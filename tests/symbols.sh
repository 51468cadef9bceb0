#!/usr/bin/env bash
# The public headers, lib/fntrace.map and the shared library name the same functions and the
# same version.
#
#	tests/symbols.sh SOURCE_ROOT LIBRARY VERSION
set -euo pipefail
include=$1/include map=$1/lib/fntrace.map library=$2 version=$3
failed=0

fail() {
	printf '%s\n' "$1"
	failed=1
}

# The headers as a compiler reads them, with the arguments added.
preprocessed() {
	printf '#include <fntrace/%s>\n' control.h fntrace.h metrics.h reader.h |
		${CC:-cc} -I"$include" -DFNT_NO_INLINE -E "$@" -
}

# Functions with FNT_API.
declared() {
	preprocessed -P | tr -s '\n\t ' ' ' | tr ';' '\n' |
		sed -n 's/.*visibility("default"))) [^(]*\b\(fnt_[a-z0-9_]*\) *(.*/\1/p'
}

mapped() {
	sed -n '/^global:/,/^local:/s/^\t\(.*\);$/\1/p' "$map"
}

exported() {
	nm -DP --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $1); print $1 }'
}

# compare WHAT ONE OTHER: two lists, as the commands that print them.
compare() {
	local only
	only=$(comm -3 <("$2" | sort) <("$3" | sort))
	[[ -z $only ]] || fail "$1:"$'\n'"$only"
}

(($(declared | wc -l) > 60)) || fail 'few functions found: has FNT_API changed?'
compare 'only in the headers, or (indented) only in fntrace.map' declared mapped
compare 'only in fntrace.map, or (indented) only exported' mapped exported
unversioned=$(nm -DP --defined-only "$library" | awk '$2 != "A" && $1 !~ /@@FNTRACE_/ { print $1 }')
[[ -z $unversioned ]] || fail "exported without a version: $unversioned"

header_version=$(preprocessed -dM | awk '
	$2 ~ /^FNT_VERSION_(MAJOR|MINOR|PATCH)$/ { part[$2] = $3 }
	END { print part["FNT_VERSION_MAJOR"] "." part["FNT_VERSION_MINOR"] "." \
		part["FNT_VERSION_PATCH"] }')
[[ $header_version == "$version" ]] ||
	fail "version: $header_version in fntrace.h, $version in meson.build"

soname=$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
[[ $soname =~ ^libfntrace\.so\.[0-9]+$ ]] || fail "soname: '$soname'"

((failed)) || printf '%s: %d functions, version %s\n' "$soname" "$(mapped | wc -l)" "$version"
exit "$failed"
