/* SPDX-License-Identifier: MIT */
#include "region/liveness.h"

#include "base/descriptor.h"
#include "region/fd.h"
#include "region/region_time.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Describes a lock on the first byte of the slot. */
static struct flock
lock_of(const struct fnt_region *region, uint32_t slot, short type)
{
	const unsigned char *at = (const unsigned char *)&region->view.producers[slot];

	return (struct flock){
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = at - region->view.base,
		.l_len = 1,
	};
}

int
fnt_slot_lock(const struct fnt_region *region, uint32_t slot)
{
	struct flock lock = lock_of(region, slot, F_WRLCK);

	/* The host may have closed our descriptor and opened another file since. */
	if (!fnt_region_owns_fd(region, region->fd))
		return -EBADF;
	if (!fcntl(region->fd, F_OFD_SETLK, &lock))
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

void
fnt_slot_unlock(const struct fnt_region *region, uint32_t slot)
{
	struct flock lock = lock_of(region, slot, F_UNLCK);

	if (fnt_region_owns_fd(region, region->fd))
		fcntl(region->fd, F_OFD_SETLK, &lock);
}

/* The process's start time, the 22nd field of /proc/PID/stat; 0: unknown. The second
 * field, in brackets, may contain any characters. */
static uint64_t
start_time_of(const char *proc)
{
	char path[64], text[1024], *at;
	uint64_t start = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/stat", proc);
	fd = fnt_open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		start = strtoull(at + 1, NULL, 10);
	return start;
}

uint64_t
fnt_pid_namespace_of(const char *proc)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "%s/ns/pid", proc);
	return stat(path, &st) ? 0 : (uint64_t)st.st_ino;
}

void
fnt_process_id_self(struct fnt_process_id *id)
{
	id->pid = (uint64_t)getpid();
	id->pid_ns = fnt_pid_namespace_of("/proc/self");
	id->start_time = start_time_of("/proc/self");
}

/* Does a line of /proc/PID/maps name our inode? True also if the file exists but can't
 * be read: a process must not be taken for dead without proof. */
static bool
has_region_mapped(const char *proc, const struct fnt_region *region)
{
	char path[64], *line = NULL;
	size_t size = 0;
	bool mapped = false;
	FILE *maps;

	snprintf(path, sizeof(path), "%s/maps", proc);
	maps = fnt_open_stream(path);
	if (!maps)
		return errno != ENOENT;
	while (!mapped && getline(&line, &size, maps) > 0) {
		uint64_t ino = 0;

		if (sscanf(line, "%*x-%*x %*s %*x %*x:%*x %" SCNu64, &ino) == 1)
			mapped = ino == (uint64_t)region->ino;
	}
	free(line);
	fclose(maps);
	return mapped;
}

bool
fnt_slot_alive_without_lock(const struct fnt_region *region, uint32_t slot)
{
	const struct fnt_producer_slot *at = &region->view.producers[slot];
	uint64_t pid = atomic_load_explicit(&at->pid, memory_order_relaxed);
	uint64_t start = atomic_load_explicit(&at->start_time, memory_order_relaxed);
	uint64_t ns = atomic_load_explicit(&at->pid_ns, memory_order_relaxed);
	char proc[32];

	if (!pid || pid > INT32_MAX || !start || !ns ||
	    ns != fnt_pid_namespace_of("/proc/self") ||
	    !fnt_region_time_is_now(&region->view))
		return false;
	snprintf(proc, sizeof(proc), "/proc/%" PRIu64, pid);
	return start_time_of(proc) == start && has_region_mapped(proc, region);
}

bool
fnt_slot_alive(const struct fnt_region *region, uint32_t slot)
{
	struct flock lock;
	uint64_t status;

	if (slot >= region->view.producer_count)
		return false;
	/* [E2] acquire: the status is read before the process's identity. Pairs with
	 * [E1] in slots.c. */
	status = atomic_load_explicit(&region->view.producers[slot].status,
				      memory_order_acquire);
	if (status != FNT_PRODUCER_LIVE)
		return false;
	lock = lock_of(region, slot, F_WRLCK);
	if (fcntl(region->fd, F_OFD_GETLK, &lock) || lock.l_type != F_UNLCK)
		return true;
	return fnt_slot_alive_without_lock(region, slot);
}
