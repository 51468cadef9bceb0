/* SPDX-License-Identifier: MIT */
#include "read/attached.h"

#include "base/error.h"
#include "base/shm_words.h"
#include "base/utf8.h"
#include "read/query.h"
#include "region/holes.h"
#include "region/liveness.h"
#include "region/provenance.h"
#include "region/region.h"
#include "region/region_time.h"
#include "region/segment_map.h"
#include "region/sigbus.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- open and close --------------------------------------------------------- */

/* Any bytes may be there: the notice promises one line of UTF-8. */
static void
copy_notice(struct fnt_reader *reader)
{
	const struct fnt_header *header = (const void *)reader->region.view.base;
	char *notice = reader->region.notice;
	bool valid;

	fnt_words_load(notice, (const fnt_word *)(const void *)header->notice,
		       sizeof(header->notice));
	notice[sizeof(header->notice) - 1] = '\0';
	valid = fnt_utf8_valid(notice, strlen(notice));
	for (; *notice; notice++)
		if ((unsigned char)*notice < ' ' || *notice == '\x7f' ||
		    (!valid && *notice & 0x80))
			*notice = '?';
}

/* Takes over `made`, whose region has been opened with the result `rc`. */
static int
finish_open(struct fnt_reader **reader, struct fnt_reader *made, int rc,
	    struct fnt_error *error)
{
	if (rc) {
		free(made);
		return rc;
	}
	copy_notice(made);
	*reader = made;
	return 0;
}

int
fnt_reader_open(struct fnt_reader **reader, const char *region, struct fnt_error *error)
{
	struct fnt_reader *made = calloc(1, sizeof(*made));

	if (!made)
		return fnt_fail(error, -ENOMEM, "out of memory");
	return finish_open(reader, made,
			   fnt_region_open_read(&made->region, region, error), error);
}

int
fnt_reader_open_pid(struct fnt_reader **reader, int32_t pid, struct fnt_error *error)
{
	struct fnt_reader *made = calloc(1, sizeof(*made));

	if (!made)
		return fnt_fail(error, -ENOMEM, "out of memory");
	return finish_open(reader, made, fnt_region_open_pid(&made->region, pid, error),
			   error);
}

void
fnt_reader_close(struct fnt_reader *reader)
{
	if (!reader)
		return;
	fnt_region_close(&reader->region);
	free(reader);
}

const char *
fnt_reader_path(const struct fnt_reader *reader)
{
	return fnt_region_label(&reader->region);
}

int
fnt_reader_guard(void)
{
	return fnt_sigbus_install();
}

/* ---- before and after ------------------------------------------------------- */

int
fnt_reader_renew_segments(struct fnt_reader *reader)
{
	int rc;

	if (fnt_segment_map_is_complete(&reader->region.view))
		return 0;
	rc = fnt_segment_map_update(&reader->region);
	if (!rc)
		fnt_segment_map_reclaim_all(&reader->region.view);
	return rc;
}

bool
fnt_reader_mapping_lost(const struct fnt_reader *reader)
{
	return fnt_sigbus_lost(reader->region.view.sigbus);
}

const char *
fnt_reader_notice(const struct fnt_reader *reader)
{
	return reader->region.notice;
}

int
fnt_reader_ensure_fresh(struct fnt_reader *reader)
{
	const struct fnt_region *region = &reader->region;
	const fnt_word *id =
		(const fnt_word *)(const void *)(region->view.base +
						 offsetof(struct fnt_header,
							  region_id));
	struct stat st;

	/* If the host has closed our descriptor, fstat() fails or finds another file:
	 * that says nothing about the region. */
	if (!reader->stale && !fstat(region->fd, &st) && st.st_dev == region->dev &&
	    st.st_ino == region->ino &&
	    ((uint64_t)st.st_size < region->view.size_bytes ||
	     !fnt_holes_renew(&reader->region.view, region->fd,
			      (uint64_t)st.st_blocks)))
		reader->stale = true;
	if (!reader->stale && (fnt_word_relaxed(id) != region->view.region_id ||
			       fnt_reader_mapping_lost(reader)))
		reader->stale = true;
	return reader->stale ? -ESTALE : 0;
}

int
fnt_reader_ensure_segments(struct fnt_reader *reader)
{
	int rc = fnt_reader_ensure_fresh(reader);

	return rc ? rc : fnt_reader_renew_segments(reader);
}

bool
fnt_reader_is_copied(const struct fnt_reader *reader)
{
	enum fnt_region_state state = fnt_region_state(&reader->region);

	return state == FNT_REGION_COPY || state == FNT_REGION_OTHER_BOOT;
}

enum fnt_region_state
fnt_reader_state(struct fnt_reader *reader)
{
	return fnt_region_state(&reader->region);
}

uint64_t
fnt_reader_now_ns(struct fnt_reader *reader)
{
	const struct fnt_view *view = &reader->region.view;

	return fnt_region_time_is_now(view) ? fnt_region_time(view) : 0;
}

enum life {
	LIFE_UNKNOWN,
	LIFE_ALIVE,
	LIFE_DEAD
};

bool
fnt_reader_owner_alive(const struct fnt_reader *reader, unsigned char *lives,
		       uint32_t slot)
{
	if (slot >= reader->region.view.producer_count)
		return false;
	if (lives[slot] == LIFE_UNKNOWN)
		lives[slot] =
			fnt_slot_alive(&reader->region, slot) ? LIFE_ALIVE : LIFE_DEAD;
	return lives[slot] == LIFE_ALIVE;
}

/* ---- queries ---------------------------------------------------------------- */

static int
check_query(const struct fnt_query *query)
{
	for (size_t i = 0; i < sizeof(query->reserved) / sizeof(uint64_t); i++)
		if (query->reserved[i])
			return -EINVAL;
	return 0;
}

int
fnt_reader_query(struct fnt_reader *reader, const struct fnt_query *query,
		 struct fnt_traces **traces)
{
	int rc = check_query(query);

	if (!rc)
		rc = fnt_reader_ensure_segments(reader);
	if (!rc)
		rc = fnt_query_run(&reader->region.view, query, traces);
	if (rc)
		return rc;
	rc = fnt_reader_ensure_fresh(reader);
	if (rc)
		fnt_traces_free(*traces);
	return rc;
}

int
fnt_reader_each(struct fnt_reader *reader, const struct fnt_query *query,
		int (*each)(void *arg, const struct fnt_trace *trace), void *arg)
{
	int rc = check_query(query);

	if (!rc)
		rc = fnt_reader_ensure_segments(reader);
	if (!rc)
		rc = fnt_query_each(&reader->region.view, query, each, arg);
	return rc ? rc : fnt_reader_ensure_fresh(reader);
}
