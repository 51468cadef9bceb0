/* SPDX-License-Identifier: MIT */
#include "region/process.h"

#include "base/descriptor.h"
#include "base/siphash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

/* The process's start time, the 22nd field of /proc/PID/stat; 0: unknown. The second
 * field, in brackets, may contain any characters; the third is the state, of which 'Z'
 * and 'X' mean that the process has ended: *ended. */
static uint64_t
start_time_of(const char *proc, bool *ended)
{
	char path[64], text[1024], *at;
	uint64_t start = 0;
	ssize_t got;
	int fd;

	*ended = false;
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
	if (at && at[1])
		*ended = at[2] == 'Z' || at[2] == 'X';
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

/* The kernel gives each program that it starts 16 random bytes, which a fork inherits.
 * They stay secret: libc has its own secrets from them. */
static uint64_t
image_of_self(void)
{
	static const char what[] = "fntrace image";
	const void *given = (const void *)getauxval(AT_RANDOM);
	uint64_t key[2];

	if (!given)
		return 0;
	memcpy(key, given, sizeof(key));
	return fnt_siphash(key, what, sizeof(what));
}

void
fnt_process_id_self(struct fnt_process_id *id)
{
	bool ended;

	id->pid = (uint64_t)getpid();
	id->pid_ns = fnt_pid_namespace_of("/proc/self");
	id->start_time = start_time_of("/proc/self", &ended);
	id->image = image_of_self();
}

static bool
is_self(const struct fnt_process_id *id)
{
	struct fnt_process_id self;

	fnt_process_id_self(&self);
	return id->start_time == self.start_time &&
	       (id->image == self.image || !id->image || !self.image);
}

enum fnt_process_life
fnt_process_find(uint64_t pid, uint64_t *start)
{
	char proc[32];
	bool ended;

	if (pid > INT32_MAX || (kill((pid_t)pid, 0) && errno == ESRCH))
		return FNT_PROCESS_DEAD;
	snprintf(proc, sizeof(proc), "/proc/%" PRIu64, pid);
	*start = start_time_of(proc, &ended);
	if (!*start)
		return FNT_PROCESS_UNKNOWN;
	return ended ? FNT_PROCESS_DEAD : FNT_PROCESS_RUNS;
}

enum fnt_process_life
fnt_process_life(const struct fnt_process_id *id)
{
	enum fnt_process_life life;
	uint64_t start;

	if (!id->pid || id->pid > INT32_MAX || !id->start_time || !id->pid_ns ||
	    id->pid_ns != fnt_pid_namespace_of("/proc/self"))
		return FNT_PROCESS_UNKNOWN;
	if (id->pid == (uint64_t)getpid())
		return is_self(id) ? FNT_PROCESS_RUNS : FNT_PROCESS_DEAD;
	life = fnt_process_find(id->pid, &start);
	return life == FNT_PROCESS_RUNS && start != id->start_time ? FNT_PROCESS_DEAD
								   : life;
}

bool
fnt_process_writes_to(uint64_t pid, ino_t ino)
{
	char path[64], *line = NULL;
	size_t size = 0;
	bool mapped = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/maps", pid);
	maps = fnt_open_stream(path);
	if (!maps)
		return errno != ENOENT;
	while (!mapped && getline(&line, &size, maps) > 0) {
		char access[8];
		uint64_t at = 0;

		if (sscanf(line, "%*x-%*x %7s %*x %*x:%*x %" SCNu64, access, &at) == 2)
			mapped = at == (uint64_t)ino && access[1] == 'w';
	}
	free(line);
	fclose(maps);
	return mapped;
}
