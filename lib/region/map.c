/* SPDX-License-Identifier: MIT */
#include "region/map.h"

#include "base/error.h"
#include "region/header.h"
#include "region/holes.h"
#include "region/segment_map.h"
#include "region/sigbus.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void
place_section(struct fnt_view *view, const struct fnt_section *section)
{
	void *at;

	/* Sections of unknown kinds have not been checked: they are ignored. */
	if (section->kind == FNT_SECTION_NONE || section->kind >= FNT_SECTION_KINDS)
		return;
	at = view->base + section->off;
	switch (section->kind) {
	case FNT_SECTION_CONTROL:
		view->control = at;
		break;
	case FNT_SECTION_PRODUCERS:
		view->producers = at;
		view->producer_count = (uint32_t)section->count;
		break;
	case FNT_SECTION_LANES:
		view->lanes = at;
		view->lane_count = (uint32_t)section->count;
		break;
	case FNT_SECTION_NAMES:
		view->names = at;
		view->name_count = (uint32_t)section->count;
		break;
	case FNT_SECTION_FRAMES:
		view->frames = at;
		view->frame_count = (uint32_t)section->count;
		break;
	case FNT_SECTION_SETTINGS:
		view->settings = at;
		view->settings_count = (uint32_t)section->count / 2;
		break;
	case FNT_SECTION_RATES:
		view->rates = at;
		view->rate_count = (uint32_t)section->count;
		break;
	case FNT_SECTION_METRICS:
		view->metrics = at;
		break;
	case FNT_SECTION_FN_ROWS:
		view->fn_rows = at;
		view->fn_row_count = (uint32_t)section->count;
		break;
	case FNT_SECTION_OP_ROWS:
		view->op_rows = at;
		view->op_row_count = (uint32_t)section->count;
		break;
	case FNT_SECTION_BLOCK_KEYS:
		view->block_keys = at;
		break;
	case FNT_SECTION_BLOCKS:
		view->blocks = at;
		view->block_count = (uint32_t)section->count;
		break;
	case FNT_SECTION_RINGS:
		view->rings = at;
		break;
	default:
		break;
	}
}

/* Fill in everything but the segment map. The view's base and size are set already. */
static void
fill_in_view(struct fnt_view *view, const struct fnt_header *header)
{
	view->fixed_bytes = fnt_header_fixed(header);
	view->kept_percent = header->kept_percent;
	view->frozen = header->compat & FNT_COMPAT_FROZEN;
	view->region_id = header->region_id;
	view->boot_id = header->boot_id;
	view->created_at_ns = header->created_at_ns;
	view->capacity = header->capacity;
	view->max_record_bytes = header->max_record_bytes;
	view->flags = header->flags;
	for (uint32_t i = 0; i < header->section_count; i++)
		place_section(view, &header->sections[i]);
}

static int
cut_short(const char *what, struct fnt_error *error)
{
	return fnt_fail(error, -EPROTO,
			"%s: truncated while it was being opened; take another copy",
			what);
}

/* Complete a view that is mapped and registered. From here on the mapping is read. */
static int
complete_view(struct fnt_view *view, const struct fnt_header *header, bool write,
	      const char *what, struct fnt_error *error)
{
	int rc;

	fill_in_view(view, header);
	rc = fnt_segment_map_init(view, view->size_bytes, write);
	if (!rc && fnt_sigbus_lost(view->sigbus)) {
		fnt_segment_map_fini(view);
		rc = -EPROTO;
	}
	if (!rc)
		return 0;
	if (fnt_sigbus_lost(view->sigbus))
		return cut_short(what, error);
	return fnt_fail(error, rc,
			rc == -ENOMEM ? "%s: out of memory"
				      : "%s: damaged: no cells of the main ring",
			what);
}

int
fnt_view_map(struct fnt_view *view, int fd, bool write, const char *what,
	     struct fnt_error *error)
{
	int prot = PROT_READ | (write ? PROT_WRITE : 0);
	struct fnt_header header;
	uint64_t file_bytes;
	struct stat st;
	void *base;
	int rc = fnt_header_read(&header, fd, what, error);

	if (rc)
		return rc;
	/* The file may have grown since its header was written: map all of it. */
	if (fstat(fd, &st))
		return fnt_fail(error, -errno, "%s: %s", what, strerror(errno));
	file_bytes = (uint64_t)st.st_size;
	if (file_bytes < header.size_bytes)
		return cut_short(what, error);
	base = mmap(NULL, file_bytes, prot, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return fnt_fail(error, -errno, "%s: cannot map the file: %s", what,
				strerror(errno));
	*view = (struct fnt_view){.base = base, .size_bytes = file_bytes};
	view->sigbus = fnt_sigbus_add(base, file_bytes, write, NULL);
	rc = view->sigbus ? complete_view(view, &header, write, what, error)
			  : fnt_fail(error, -ENOMEM, "%s: out of memory", what);
	if (!rc && !write)
		fnt_holes_cover(view, fd);
	if (rc) {
		fnt_sigbus_remove(view->sigbus);
		munmap(base, file_bytes);
		view->base = NULL;
	}
	return rc;
}

void
fnt_view_unmap(struct fnt_view *view)
{
	if (!view->base)
		return;
	fnt_segment_map_fini(view);
	fnt_sigbus_remove(view->sigbus);
	munmap(view->base, view->size_bytes);
	view->base = NULL;
}

int
fnt_view_check_file(const struct fnt_view *view, int fd, const char *what,
		    struct fnt_error *error)
{
	struct stat st;

	if (!fstat(fd, &st) && (uint64_t)st.st_size >= view->size_bytes &&
	    !fnt_sigbus_lost(view->sigbus))
		return 0;
	return fnt_fail(error, -EIO,
			"%s: the file was truncated; remove it and restart the "
			"processes that write to it",
			what);
}

uint64_t
fnt_view_bytes(const struct fnt_view *view)
{
	uint64_t bytes = view->fixed_bytes;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_segments *segments = fnt_view_segments(view, ring);

		if (segments->count)
			bytes += fnt_segment_bytes(
				segments->at[segments->count - 1].cell_count);
	}
	return bytes;
}
