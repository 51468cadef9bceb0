/* SPDX-License-Identifier: MIT
 *
 * regions.c: the regions in a directory. Each is opened as by any reader.
 */
#include "base/descriptor.h"
#include "base/error.h"
#include "base/shm_words.h"
#include "read/attached.h"
#include "read/end_counts.h"
#include "region/liveness.h"
#include "region/map.h"
#include "region/region.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
count_attached(struct fnt_reader *reader, struct fnt_region_info *info)
{
	const struct fnt_view *view = &reader->region.view;
	struct fnt_end_counts ends = fnt_end_counts_read(view);

	info->size_bytes = fnt_view_bytes(view);
	info->created_at_ns = view->created_at_ns;
	info->frozen = view->frozen;
	info->dropped = ends.dropped;
	info->unmapped = ends.unmapped;
	info->laneless = ends.laneless;
	info->refused = ends.refused;
	info->state = fnt_reader_state(reader);
	for (uint32_t i = 0; i < view->producer_count; i++) {
		if (fnt_word_acquire(&view->producers[i].status) != FNT_PRODUCER_LIVE)
			continue;
		if (fnt_slot_alive(&reader->region, i))
			info->alive++;
		else
			info->dead++;
	}
}

static void
describe_region(struct fnt_region_info *info, const char *dir, const char *file)
{
	struct fnt_reader *reader;
	struct fnt_error error = {0};

	snprintf(info->name, sizeof(info->name), "%.*s", (int)(strlen(file) - 4), file);
	if (snprintf(info->path, sizeof(info->path), "%s/%s", dir, file) >=
	    (int)sizeof(info->path)) {
		info->status = -ENAMETOOLONG;
		snprintf(info->message, sizeof(info->message), "%.400s…: path too long",
			 info->path);
		return;
	}
	info->status = fnt_reader_open(&reader, info->path, &error);
	if (info->status) {
		memcpy(info->message, error.message, sizeof(info->message));
		return;
	}
	count_attached(reader, info);
	info->status = fnt_reader_ensure_fresh(reader);
	if (info->status)
		snprintf(info->message, sizeof(info->message),
			 "%.400s: cut short while it was being read", info->path);
	fnt_reader_close(reader);
}

/* ---- the directory --------------------------------------------------------------- */

/* The names of files in a directory: an array that grows. */
struct files {
	char **names;
	size_t count, room;
};

static bool
is_region_file(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 4 && !strcmp(name + len - 4, ".fnt");
}

static bool
add_file(struct files *files, const char *name)
{
	size_t room = files->room ? 2 * files->room : 16;
	char **names;

	if (files->count == files->room) {
		names = realloc(files->names, room * sizeof(*names));
		if (!names)
			return false;
		files->names = names;
		files->room = room;
	}
	files->names[files->count] = strdup(name);
	return files->names[files->count++] != NULL;
}

static void
free_files(struct files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->names[i]);
	free(files->names);
}

static int
by_name_of_file(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* List the region files of a directory by name. 0 or -errno; free the files in either
 * case. */
static int
find_files(struct files *files, const char *path)
{
	DIR *dir = fnt_open_listing(AT_FDCWD, path);
	struct dirent *entry;
	bool complete = true;

	if (!dir)
		return -errno;
	while (complete && (entry = readdir(dir)))
		if (is_region_file(entry->d_name))
			complete = add_file(files, entry->d_name);
	closedir(dir);
	if (!complete)
		return -ENOMEM;
	if (files->count)
		qsort(files->names, files->count, sizeof(*files->names),
		      by_name_of_file);
	return 0;
}

int
fnt_regions_list(const char *dir, struct fnt_region_info **regions, size_t *count,
		 struct fnt_error *error)
{
	struct files files = {0};
	char path[PATH_MAX];
	int rc = fnt_region_dir(path, dir, error);

	if (rc)
		return rc;
	*count = 0;
	*regions = NULL;
	rc = find_files(&files, path);
	if (rc == -ENOENT)
		return 0;
	if (!rc) {
		*regions = calloc(files.count ? files.count : 1, sizeof(**regions));
		rc = *regions ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !rc && i < files.count; i++)
		describe_region(&(*regions)[(*count)++], path, files.names[i]);
	free_files(&files);
	if (rc == -ENOMEM)
		return fnt_fail(error, rc, "out of memory");
	return rc ? fnt_fail(error, rc, "%s: %s", path, strerror(-rc)) : 0;
}
