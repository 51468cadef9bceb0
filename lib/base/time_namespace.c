/* SPDX-License-Identifier: MIT */
#include "base/time_namespace.h"

#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Inode of the initial time namespace: PROC_TIME_INIT_INO of the kernel. */
#define INITIAL_INODE 0xeffffffau
#define SECOND_NS 1000000000

static uint64_t
inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (uint64_t)st.st_ino;
}

/* Read the "monotonic" line of the offsets of the namespace of future children. */
static bool
read_offset(int64_t *ns)
{
	int fd = fnt_open("/proc/self/timens_offsets", O_RDONLY);
	long long seconds, nanoseconds;
	char text[256];
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	if (sscanf(text, "monotonic %lld %lld", &seconds, &nanoseconds) != 2 ||
	    seconds > INT64_MAX / SECOND_NS - 1 ||
	    seconds < INT64_MIN / SECOND_NS + 1 || nanoseconds < 0 ||
	    nanoseconds >= SECOND_NS)
		return false;
	*ns = seconds * SECOND_NS + nanoseconds;
	return true;
}

bool
fnt_time_namespace_offset(int64_t *ns)
{
	uint64_t own = inode_of("/proc/self/ns/time");

	*ns = 0;
	/* Without this file the kernel has no time namespaces. */
	if (!own)
		return errno == ENOENT && inode_of("/proc/self/ns/pid");
	if (own == INITIAL_INODE)
		return true;
	return own == inode_of("/proc/self/ns/time_for_children") && read_offset(ns);
}
