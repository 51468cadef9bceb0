#!/usr/bin/env bash
# Help, version, and the messages for wrong usage.
set -eu
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

commands="tap recent show tail ps stat list check"

run 0 fntrace --version
has out '^fntrace [0-9]+\.[0-9]+'
run 0 fntrace help
for command in $commands; do
	has out "^  $command "
done
cp out help
run 0 fntrace --help
cmp -s out help || fail "--help is not help"
for command in $commands; do
	run 0 fntrace "$command" --help
	has out "^usage: fntrace $command"
	empty err
	cp out help
	run 0 fntrace "$command" -h
	cmp -s out help || fail "$command -h"
	run 0 fntrace help "$command"
	cmp -s out help || fail "help $command"
done

# A command with subcommands.
run 0 fntrace ctl --help
cp out help
run 0 fntrace help ctl
cmp -s out help || fail 'help ctl'

# Without a command: the usage, on stderr.
run 2 fntrace
empty out
has err '^usage: fntrace COMMAND'

# Misspelt commands: the nearest one is suggested.
run 2 fntrace recnet
empty out
has err '^fntrace: no command "recnet"; did you mean "recent"\?$'
run 2 fntrace hlep
has err 'did you mean "help"'
run 2 fntrace xyzzy
has err '^fntrace: no command "xyzzy"$'
has err '^usage: '
run 2 fntrace help shwo
has err 'did you mean "show"'
run 2 fntrace -r app recent
has err 'a command comes first'

for command in $commands; do
	run 2 fntrace "$command" --jsno
	empty out
	has err "^fntrace: $command: unknown option --jsno"
	has err "^usage: fntrace $command"
	[[ $command == tap ]] || has err 'did you mean --json\?$'
	run 2 fntrace "$command" -Z
	has err 'unknown option -Z$'
done
run 2 fntrace recent --colour=never
has err 'did you mean --color\?'
run 2 fntrace recent --color=pink
has err '"pink"'
run 2 fntrace recent --errors -Z
has err 'unknown option -Z$'
run 2 fntrace recent --json=yes
has err 'takes no argument'

# Arguments.
for number in x -1 1x '' 99999999999999999999; do
	run 2 fntrace recent -n "$number"
	has err 'wants a number'
done
run 2 fntrace recent -n
has err 'needs an argument'
for pid in 0 x -5 4294967296; do
	run 2 fntrace recent -p "$pid"
	has err 'wants a process id'
done
run 2 fntrace recent -r a -p 1
has err 'not both'
run 2 fntrace recent extra
has err 'unexpected "extra"'
run 2 fntrace show
has err 'which call'
run 2 fntrace show one two
has err 'one call at a time'
run 2 fntrace recent $'\e[31m'
has err '\\x1b\[31m'

finish
