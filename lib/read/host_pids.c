/* SPDX-License-Identifier: MIT */
#include "read/host_pids.h"

#include "base/descriptor.h"
#include "region/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
add(struct fnt_host_pids *pids, struct fnt_host_pid pid)
{
	size_t room = pids->room ? 2 * pids->room : 16;
	struct fnt_host_pid *items;

	if (pids->count == pids->room) {
		items = realloc(pids->items, room * sizeof(*items));
		if (!items)
			return false;
		pids->items = items;
		pids->room = room;
	}
	pids->items[pids->count++] = pid;
	return true;
}

/* The last number of the line "NSpid:", the pid in the innermost namespace; 0: there is
 * none. */
static int32_t
innermost_pid(const char *proc)
{
	char path[64], *line = NULL;
	size_t size = 0;
	int32_t pid = 0;
	FILE *status;

	snprintf(path, sizeof(path), "%s/status", proc);
	status = fnt_open_stream(path);
	while (status && getline(&line, &size, status) > 0) {
		if (strncmp(line, "NSpid:", 6) != 0)
			continue;
		if (strrchr(line, '\t'))
			pid = (int32_t)strtol(strrchr(line, '\t') + 1, NULL, 10);
		break;
	}
	free(line);
	if (status)
		fclose(status);
	return pid;
}

static bool
scan_one(struct fnt_host_pids *pids, const char *name)
{
	char proc[32], *end;
	long here = strtol(name, &end, 10);
	uint64_t pid_ns;

	if (here <= 0 || here > INT32_MAX || *end)
		return true;
	snprintf(proc, sizeof(proc), "/proc/%ld", here);
	pid_ns = fnt_pid_namespace_of(proc);
	if (!pid_ns || pid_ns == pids->own_ns)
		return true;
	return add(pids,
		   (struct fnt_host_pid){pid_ns, innermost_pid(proc), (int32_t)here});
}

static void
scan(struct fnt_host_pids *pids)
{
	DIR *dir = fnt_open_listing(AT_FDCWD, "/proc");
	struct dirent *entry;

	pids->scanned = true;
	while (dir && (entry = readdir(dir)))
		if (!scan_one(pids, entry->d_name))
			break;
	if (dir)
		closedir(dir);
}

int32_t
fnt_host_pids_find(struct fnt_host_pids *pids, int32_t pid, uint64_t pid_ns)
{
	if (!pids->own_ns)
		pids->own_ns = fnt_pid_namespace_of("/proc/self");
	if (pid <= 0 || !pid_ns || !pids->own_ns)
		return 0;
	if (pid_ns == pids->own_ns)
		return pid;
	if (!pids->scanned)
		scan(pids);
	for (size_t i = 0; i < pids->count; i++)
		if (pids->items[i].pid_ns == pid_ns && pids->items[i].pid == pid)
			return pids->items[i].here;
	return 0;
}

void
fnt_host_pids_fini(struct fnt_host_pids *pids)
{
	free(pids->items);
}
