#!/usr/bin/env bash
# The library makes some calls of libc only in one place, and others never.
#
#	tests/calls.sh STATIC_LIBRARY
#
# - What opens a file or a socket is called by base/descriptor.c alone, which never returns
#   descriptors 0 to 2 (lib/base/descriptor.h).
# - The environment is read by secure_getenv() alone: in a program with more rights than its
#   user, the user's variables have no effect.
set -euo pipefail
library=$1
failed=0

opening='open|openat|openat2|creat|memfd_create|fopen|freopen|opendir|scandir|scandirat|nftw
|ftw|glob|popen|tmpfile|mkstemp|mkostemp|shm_open|mq_open|dup|dup2|dup3|pipe|pipe2|socket
|socketpair|accept|accept4|eventfd|timerfd_create|signalfd|epoll_create|epoll_create1
|inotify_init|inotify_init1|pidfd_open|getpwuid|getgrgid|getpwuid_r|getgrgid_r|syslog|openlog'
opening=$(tr -d '\n' <<<"$opening")
environment='getenv|__secure_getenv|environ|__environ'

# "object symbol", one for each symbol that an object uses and does not define.
used=$(nm -A -u "$library" 2>/dev/null |
	sed -nE 's/^[^:]*:([^:]*):.* U ([A-Za-z0-9_]+)(@.*)?$/\1 \2/p')
if (($(wc -l <<<"$used") < 200)); then
	echo "only $(wc -l <<<"$used") symbols found in $library"
	exit 1
fi
if ! grep -qE '^base_descriptor\.c\.o openat(64)?$' <<<"$used"; then
	echo "base/descriptor.c does not call openat(): this test looks for the wrong names"
	exit 1
fi

# check SYMBOLS OBJECT-TO-PASS-OVER WHAT-TO-DO
check() {
	local found
	found=$(grep -E " (__)?($1)(64)?(_2|_chk)?$" <<<"$used" | grep -v "^$2 " || true)
	[[ -z $found ]] && return
	sed "s|\$|: $3|" <<<"$found"
	failed=1
}
check "$opening" base_descriptor.c.o 'call a function of base/descriptor.h'
check "$environment" - 'call secure_getenv()'
((failed == 0)) || exit 1
echo "$(cut -d' ' -f1 <<<"$used" | sort -u | wc -l) objects"
