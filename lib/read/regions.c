/* SPDX-License-Identifier: MIT
 *
 * regions.c: the regions in a directory. Each is opened as by any reader.
 */
#include "base/error.h"
#include "base/shm_words.h"
#include "read/attached.h"
#include "region/liveness.h"
#include "region/map.h"
#include "region/region.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
count_attached(struct fnt_reader *reader, struct fnt_region_info *info)
{
	const struct fnt_view *view = &reader->region.view;

	info->size_bytes = fnt_view_bytes(view);
	info->created_at_ns = view->created_at_ns;
	info->frozen = view->frozen;
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

static int
is_region_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 4 &&
	       !strcmp(entry->d_name + len - 4, ".fnt");
}

int
fnt_regions_list(const char *dir, struct fnt_region_info **regions, size_t *count,
		 struct fnt_error *error)
{
	struct dirent **entries;
	char path[PATH_MAX];
	int found, rc = fnt_region_dir(path, dir, error);

	if (rc)
		return rc;
	*count = 0;
	*regions = NULL;
	found = scandir(path, &entries, is_region_file, alphasort);
	if (found < 0)
		return errno == ENOENT ? 0
				       : fnt_fail(error, -errno, "%s: %s", path,
						  strerror(errno));
	*regions = calloc(found ? (size_t)found : 1, sizeof(**regions));
	for (int i = 0; i < found; i++) {
		if (*regions)
			describe_region(&(*regions)[(*count)++], path,
					entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return *regions ? 0 : fnt_fail(error, -ENOMEM, "out of memory");
}
