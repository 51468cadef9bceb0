#!/usr/bin/env bash
# The folders of tools/ include only what the table at the top of tools/meson.build allows, and
# of the library only public headers (<fntrace/...>).
#
#       tests/cli/layering.sh SOURCE_ROOT
set -euo pipefail
cd "$1/tools"

failures=0

# check FOLDER ALLOWED...: what the sources of FOLDER, or the file FOLDER, include.
check() {
	local folder=$1 file name
	shift
	[[ -e $folder ]] || {
		echo "tools/meson.build: there is no tools/$folder"
		failures=$((failures + 1))
	}
	while IFS=: read -r file name; do
		[[ $name == */* ]] || name=$folder/$name
		[[ " $folder $* " == *" ${name%%/*} "* && -e $name ]] && continue
		echo "tools/$file includes \"$name\""
		failures=$((failures + 1))
	done < <(grep -rHoP '^\s*#\s*include\s*"\K[^"]+' --include='*.[ch]' "$folder")
}

seen=
while IFS='|' read -r folder allowed _; do
	read -r folder <<<"${folder%/*}"
	# shellcheck disable=SC2086
	check "$folder" ${allowed/-/}
	seen+=" $folder"
done < <(sed -n 's/^#     \([a-z].*|.*|\)/\1/p' meson.build)

# Every folder with C sources is in the table.
for file in */*.c *.c; do
	[[ " $seen " == *" ${file%%/*} "* ]] || {
		echo "tools/$file: its folder is not in the table of tools/meson.build"
		failures=$((failures + 1))
	}
done
exit $((failures > 0))
