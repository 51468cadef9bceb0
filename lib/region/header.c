/* SPDX-License-Identifier: MIT */
#include "region/header.h"

#include "base/error.h"
#include "base/random.h"
#include "format/layout_metrics.h"
#include "region/options.h"
#include "region/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RECORD_DEF (64u << 10)
#define METRICS_MAX (96ull << 20)
#define ROWS_MAX (1u << 20)

/* Each section's name in messages, the size of its entries, and the allowed counts. */
static const struct {
	const char *name;
	uint32_t stride;
	uint64_t count_min, count_max;
	bool optional;
} sections[FNT_SECTION_KINDS] = {
	[FNT_SECTION_CONTROL] = {"control", sizeof(struct fnt_control_words), 1, 1},
	[FNT_SECTION_PRODUCERS] = {"producers", sizeof(struct fnt_producer_slot), 1,
				   65000},
	[FNT_SECTION_LANES] = {"lanes", sizeof(struct fnt_lane), 1, 65000},
	[FNT_SECTION_NAMES] = {"names", sizeof(struct fnt_name), 1, 1u << 20},
	[FNT_SECTION_FRAMES] = {"frames", sizeof(struct fnt_frame), 1, 1u << 17},
	[FNT_SECTION_RINGS] = {"rings", sizeof(struct fnt_ring_head), FNT_RINGS,
			       FNT_RINGS},
	[FNT_SECTION_SETTINGS] = {"settings", sizeof(struct fnt_setting_entry), 4, 1024,
				  true},
	[FNT_SECTION_RATES] = {"rates", sizeof(fnt_word), 1, (1u << 20) + 1, true},
	[FNT_SECTION_METRICS] = {"metrics", sizeof(struct fnt_metrics_head), 1, 1},
	[FNT_SECTION_FN_ROWS] = {"functions", sizeof(struct fnt_fn_row), 1, 1u << 20},
	[FNT_SECTION_OP_ROWS] = {"operations", sizeof(struct fnt_op_row), 1, 1u << 20},
	[FNT_SECTION_BLOCK_KEYS] = {"block keys", sizeof(fnt_word), 1, 1u << 20},
	[FNT_SECTION_BLOCKS] = {"blocks", sizeof(struct fnt_octave), 1, 1u << 20},
};

/* ---- a new header ---------------------------------------------------------------- */

static void
add_section(struct fnt_header *header, uint64_t *off, uint32_t kind, uint64_t count)
{
	struct fnt_section *section = &header->sections[header->section_count++];

	section->kind = kind;
	section->stride = sections[kind].stride;
	section->off = *off;
	section->count = count;
	*off += count * section->stride;
	*off = (*off + FNT_LINE - 1) / FNT_LINE * FNT_LINE;
}

/* Metrics get three sixteenths of the region, up to METRICS_MAX: an eighth of that for
 * functions, a twelfth for operations, the rest for the blocks of their histograms. Or
 * more, in proportion, for more names than a region of this size has of its own. */
static void
add_metrics(struct fnt_header *header, uint64_t *off, uint64_t size, uint64_t names)
{
	uint64_t usual = fnt_options_usual_names(size), fns, ops, blocks;
	uint64_t left = fnt_clamp(size / 16 * 3, 0, METRICS_MAX) -
			sizeof(struct fnt_metrics_head);

	if (names > usual)
		left = left / usual * names;
	fns = fnt_clamp(left / 8 / sizeof(struct fnt_fn_row), 8, ROWS_MAX);
	ops = fnt_clamp(left / 12 / sizeof(struct fnt_op_row), 16, ROWS_MAX);
	left -= fns * sizeof(struct fnt_fn_row) + ops * sizeof(struct fnt_op_row);
	blocks = fnt_clamp(left / (sizeof(struct fnt_octave) + sizeof(fnt_word)), 1,
			   ROWS_MAX);
	add_section(header, off, FNT_SECTION_METRICS, 1);
	add_section(header, off, FNT_SECTION_FN_ROWS, fns);
	add_section(header, off, FNT_SECTION_OP_ROWS, ops);
	add_section(header, off, FNT_SECTION_BLOCK_KEYS, blocks);
	add_section(header, off, FNT_SECTION_BLOCKS, blocks);
}

/* Calls in flight get an eighth of the region, metrics a little more; the other tables
 * grow with the region up to a limit; the rings get the rest. Returns where that
 * begins. */
static uint64_t
lay_out(struct fnt_header *header, uint64_t size, uint64_t names)
{
	uint64_t usual = fnt_options_usual_names(size), off = FNT_PAGE;
	/* Half of the slots stay free, so that a name finds one within few probes. */
	uint64_t slots =
		names == usual ? usual : fnt_clamp(2 * names, 0, FNT_NAMES_MAX);

	header->section_count = 0;
	add_section(header, &off, FNT_SECTION_CONTROL, 1);
	add_section(header, &off, FNT_SECTION_SETTINGS,
		    2 + 2 * fnt_clamp(size >> 15, 16, 64));
	add_section(header, &off, FNT_SECTION_PRODUCERS,
		    fnt_clamp(size >> 16, 16, 1024));
	add_section(header, &off, FNT_SECTION_LANES, fnt_clamp(size >> 14, 32, 4096));
	add_section(header, &off, FNT_SECTION_NAMES, slots);
	add_section(header, &off, FNT_SECTION_RATES, 1 + slots);
	add_section(header, &off, FNT_SECTION_FRAMES,
		    fnt_clamp((size >> 3) / sizeof(struct fnt_frame), 32, 16384));
	add_metrics(header, &off, size, names);
	add_section(header, &off, FNT_SECTION_RINGS, FNT_RINGS);
	header->size_bytes = size;
	return (off + FNT_PAGE - 1) / FNT_PAGE * FNT_PAGE;
}

/* With more names than usual, a region whose size is not given is so much larger. In
 * one whose size is, the rings must keep half of what they would have had. */
static int
lay_out_names(struct fnt_header *header, const struct fnt_options *options,
	      uint64_t size)
{
	uint64_t usual = fnt_options_usual_names(size);
	uint64_t usual_end = lay_out(header, size, usual), end, need;
	uint64_t names = fnt_options_names(options, usual);
	uint64_t most = usual_end + (size - usual_end) / 2;
	bool fixed = fnt_options_size_is_given(options);
	char have[32], want[32];

	end = lay_out(header, size, names);
	/* The environment's wish is granted as far as it can be. */
	while (fixed && end > most && names > usual && !options->names) {
		names = names - names / 8 > usual ? names - names / 8 : usual;
		end = lay_out(header, size, names);
	}
	if (fixed && end > most) {
		need = (end - usual_end) * 2 + size;
		return fnt_fail(options->error, -EINVAL,
				"%u names take too much of a region of %s; give it %s, "
				"or no size",
				options->names, fnt_bytes_text(have, size),
				fnt_bytes_text(want, need));
	}
	if (!fixed && end > usual_end)
		header->size_bytes += end - usual_end;
	return 0;
}

uint64_t
fnt_header_fixed(const struct fnt_header *header)
{
	uint64_t end = FNT_PAGE;

	for (uint32_t i = 0; i < header->section_count && i < FNT_SECTIONS; i++) {
		const struct fnt_section *section = &header->sections[i];
		uint64_t bytes;

		/* Sections of unknown kinds have not been checked. */
		if (__builtin_mul_overflow(section->count, section->stride, &bytes) ||
		    __builtin_add_overflow(section->off, bytes, &bytes) ||
		    bytes > header->size_bytes)
			continue;
		if (bytes > end)
			end = bytes;
	}
	return (end + FNT_PAGE - 1) / FNT_PAGE * FNT_PAGE;
}

void
fnt_header_init_rings(const struct fnt_header *header,
		      struct fnt_ring_head heads[FNT_RINGS])
{
	uint64_t off = fnt_header_fixed(header), cells[FNT_RINGS];

	memset(heads, 0, FNT_RINGS * sizeof(*heads));
	fnt_segment_partition(header->size_bytes - off, header->kept_percent, cells);
	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		struct fnt_segment_slot *slot = &heads[i].slots[0];

		if (!cells[i])
			continue;
		/* The cells begin at lap 0, so the first ticket is that of lap 1. No
		 * ticket is 0. */
		atomic_init(&heads[i].cursor, cells[i]);
		atomic_init(&heads[i].segments, 1);
		atomic_init(&slot->number, 1);
		atomic_init(&slot->first, cells[i]);
		atomic_init(&slot->off, off);
		atomic_init(&slot->cells, cells[i]);
		atomic_init(&slot->lap, 1);
		off += cells[i] * FNT_CELL_BYTES;
	}
}

int
fnt_header_check_options(const struct fnt_options *options)
{
	struct fnt_header header;
	int rc = fnt_options_check(options);

	return rc ? rc : lay_out_names(&header, options, fnt_options_size(options));
}

void
fnt_header_make(struct fnt_header *header, const struct fnt_options *options)
{
	struct timespec now;
	uint64_t cells[FNT_RINGS];

	memset(header, 0, sizeof(*header));
	memcpy(header->magic, FNT_MAGIC, sizeof(header->magic));
	header->byte_order = FNT_BYTE_ORDER;
	header->version = FNT_VERSION_NO;
	fnt_random(&header->region_id, sizeof(header->region_id));
	clock_gettime(CLOCK_REALTIME, &now);
	header->created_at_ns =
		(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	header->boot_id = fnt_boot_id();
	header->capacity = options->capacity;
	header->flags = options->flags & (FNT_KEEP_NONE | FNT_ORDERED);
	if (options->capacity)
		header->flags |= FNT_ORDERED;
	/* It fits: fnt_header_check_options(). */
	lay_out_names(header, options, fnt_options_size(options));
	header->kept_percent = fnt_options_kept_percent(options);
	fnt_segment_partition(header->size_bytes - fnt_header_fixed(header),
			      header->kept_percent, cells);
	header->max_record_bytes = (uint32_t)fnt_clamp(
		options->max_record_bytes ? options->max_record_bytes : RECORD_DEF,
		FNT_RECORD_MIN, cells[FNT_RING_MAIN] * FNT_CELL_BYTES / 8);
}

void
fnt_header_note_file(struct fnt_header *header, int fd)
{
	struct stat st;
	bool known = !fstat(fd, &st);

	header->file_dev = known ? st.st_dev : 0;
	header->file_ino = known ? st.st_ino : 0;
}

/* ---- checking one ---------------------------------------------------------------- */

static int
check_identity(const struct fnt_header *header, const char *what,
	       struct fnt_error *error)
{
	uint64_t unknown;

	if (memcmp(header->magic, FNT_MAGIC, sizeof(header->magic)) != 0)
		return fnt_fail(error, -EPROTO,
				"%s: not an fntrace region (no magic at byte 0); name "
				"another file",
				what);
	if (header->byte_order == __builtin_bswap32(FNT_BYTE_ORDER))
		return fnt_fail(
			error, -ENOTSUP,
			"%s: written in the other byte order; read it on a machine "
			"like the one that wrote it",
			what);
	if (header->byte_order != FNT_BYTE_ORDER)
		return fnt_fail(error, -EPROTO,
				"%s: damaged: byte-order mark 0x%08x at byte 8", what,
				header->byte_order);
	if (header->version != FNT_VERSION_NO)
		return fnt_fail(
			error, -ENOTSUP,
			"%s: region version %u, this fntrace reads version %u; use "
			"the fntrace that wrote it, or remove the file",
			what, header->version, FNT_VERSION_NO);
	unknown = header->incompat & ~FNT_INCOMPAT_KNOWN;
	if (unknown)
		return fnt_fail(error, -ENOTSUP,
				"%s: needs features 0x%llx, unknown here; use a newer "
				"fntrace",
				what, (unsigned long long)unknown);
	return 0;
}

static int
check_section(const struct fnt_header *header, uint32_t index, uint32_t *seen,
	      const char *what, struct fnt_error *error)
{
	const struct fnt_section *section = &header->sections[index];
	uint32_t kind = section->kind;

	if (kind == FNT_SECTION_NONE || kind >= FNT_SECTION_KINDS)
		return 0; /* from a later version; ignored */
	if (*seen & 1u << kind)
		return fnt_fail(error, -EPROTO, "%s: damaged: two %s sections", what,
				sections[kind].name);
	if (section->stride != sections[kind].stride ||
	    section->count < sections[kind].count_min ||
	    section->count > sections[kind].count_max)
		return fnt_fail(error, -EPROTO,
				"%s: damaged: %s section of %llu entries of %u bytes",
				what, sections[kind].name,
				(unsigned long long)section->count, section->stride);
	if (section->off % FNT_LINE || section->off < FNT_PAGE ||
	    section->off > header->size_bytes ||
	    section->count > (header->size_bytes - section->off) / section->stride)
		return fnt_fail(
			error, -EPROTO,
			"%s: damaged: %s section at byte %llu reaches past the end",
			what, sections[kind].name, (unsigned long long)section->off);
	*seen |= 1u << kind;
	return 0;
}

static uint64_t
section_count(const struct fnt_header *header, uint32_t kind)
{
	for (uint32_t i = 0; i < header->section_count; i++)
		if (header->sections[i].kind == kind)
			return header->sections[i].count;
	return 0;
}

static int
check_sections(const struct fnt_header *header, const char *what,
	       struct fnt_error *error)
{
	uint32_t seen = 0;
	int rc;

	if (header->section_count > FNT_SECTIONS)
		return fnt_fail(error, -EPROTO, "%s: damaged: %u sections", what,
				header->section_count);
	for (uint32_t i = 0; i < header->section_count; i++) {
		rc = check_section(header, i, &seen, what, error);
		if (rc)
			return rc;
	}
	for (uint32_t kind = 1; kind < FNT_SECTION_KINDS; kind++)
		if (!(seen & 1u << kind) && !sections[kind].optional)
			return fnt_fail(error, -EPROTO, "%s: damaged: no %s section",
					what, sections[kind].name);
	if (section_count(header, FNT_SECTION_BLOCKS) >
	    section_count(header, FNT_SECTION_BLOCK_KEYS))
		return fnt_fail(error, -EPROTO,
				"%s: damaged: more blocks than keys of them", what);
	if (header->max_record_bytes < FNT_RECORD_MIN ||
	    header->max_record_bytes > FNT_RECORD_MAX)
		return fnt_fail(error, -EPROTO,
				"%s: damaged: records of up to %u bytes", what,
				header->max_record_bytes);
	if (header->kept_percent > FNT_KEPT_MAX)
		return fnt_fail(error, -EPROTO,
				"%s: damaged: a kept ring of %u percent", what,
				header->kept_percent);
	return 0;
}

/* If two sections overlapped, writing one would corrupt the other. */
static int
check_overlap(const struct fnt_header *header, const char *what,
	      struct fnt_error *error)
{
	for (uint32_t i = 0; i < header->section_count; i++) {
		const struct fnt_section *a = &header->sections[i];

		for (uint32_t j = 0; j < header->section_count; j++) {
			const struct fnt_section *b = &header->sections[j];

			if (i == j || a->off > b->off || !a->kind || !b->kind)
				continue;
			if (a->kind < FNT_SECTION_KINDS &&
			    b->kind < FNT_SECTION_KINDS &&
			    a->off + a->count * a->stride > b->off)
				return fnt_fail(error, -EPROTO,
						"%s: damaged: sections overlap at byte "
						"%llu",
						what, (unsigned long long)b->off);
		}
	}
	return 0;
}

int
fnt_header_read(struct fnt_header *header, int fd, const char *what,
		struct fnt_error *error)
{
	char have[32], want[32];
	struct stat st;
	ssize_t got;
	int rc;

	if (fstat(fd, &st))
		return fnt_fail(error, -errno, "%s: %s", what, strerror(errno));
	if (!st.st_size)
		return fnt_fail(error, -EPROTO,
				"%s: empty, not an fntrace region; name another file",
				what);
	memset(header, 0, sizeof(*header));
	got = pread(fd, header, sizeof(*header), 0);
	if (got < 0)
		return fnt_fail(error, -errno, "%s: cannot read the file: %s", what,
				strerror(errno));
	rc = check_identity(header, what, error);
	if (rc)
		return rc;
	if (got < (ssize_t)sizeof(*header) || header->size_bytes > (uint64_t)st.st_size)
		return fnt_fail(error, -EPROTO,
				"%s: truncated: %s of %s; take another copy", what,
				fnt_bytes_text(have, (uint64_t)st.st_size),
				fnt_bytes_text(want, header->size_bytes));
	rc = check_sections(header, what, error);
	return rc ? rc : check_overlap(header, what, error);
}
