/* SPDX-License-Identifier: MIT */
#include "region/options.h"

#include "base/error.h"
#include "region/header.h"

#include <errno.h>
#include <stdlib.h>

#define SIZE_DEFAULT (16ull << 20)
#define KEPT_DEFAULT 10u

/* ---- size ------------------------------------------------------------------------ */

/* $FNTRACE_SIZE, such as "64M", in bytes; 0: not set, or not a number. */
static uint64_t
size_from_environment(void)
{
	const char *text = secure_getenv("FNTRACE_SIZE");
	char *end;
	unsigned long long value;
	unsigned shift = 0;

	if (!text || *text < '0' || *text > '9')
		return 0;
	value = strtoull(text, &end, 10);
	if (*end == 'K' || *end == 'k')
		shift = 10;
	else if (*end == 'M' || *end == 'm')
		shift = 20;
	else if (*end == 'G' || *end == 'g')
		shift = 30;
	if (value > FNT_REGION_SIZE_MAX >> shift)
		return FNT_REGION_SIZE_MAX;
	return value << shift;
}

bool
fnt_options_size_is_given(const struct fnt_options *options)
{
	return options->size_bytes || size_from_environment();
}

/* With an explicit capacity, readers show exactly that many of the newest traces: this
 * needs a single ring. */
uint32_t
fnt_options_kept_percent(const struct fnt_options *options)
{
	if (options->kept_percent == FNT_KEPT_NONE)
		return 0;
	if (options->kept_percent)
		return options->kept_percent;
	return options->capacity ? 0 : KEPT_DEFAULT;
}

/* Without an explicit size: large enough for `capacity` records of 1 KiB, given that
 * the rings get over five eighths of it. */
uint64_t
fnt_options_size(const struct fnt_options *options)
{
	uint64_t size = options->size_bytes, need;

	if (!size)
		size = size_from_environment();
	if (!size) {
		need = options->capacity * 1024 / 5 * 8 + FNT_REGION_SIZE_MIN;
		need = need * 100 / (100 - fnt_options_kept_percent(options));
		size = options->capacity ? fnt_clamp(need, FNT_REGION_SIZE_MIN * 4,
						     FNT_REGION_SIZE_MAX)
					 : SIZE_DEFAULT;
	}
	return fnt_clamp(size, FNT_REGION_SIZE_MIN, FNT_REGION_SIZE_MAX) / FNT_PAGE *
	       FNT_PAGE;
}

/* ---- names ----------------------------------------------------------------------- */

uint64_t
fnt_options_usual_names(uint64_t size)
{
	return fnt_clamp(size >> 14, FNT_NAMES_MIN, 4096);
}

uint64_t
fnt_options_names(const struct fnt_options *options, uint64_t usual)
{
	const char *text = secure_getenv("FNTRACE_NAMES");

	if (options->names)
		return options->names;
	if (!text || *text < '0' || *text > '9')
		return usual;
	return fnt_clamp(strtoull(text, NULL, 10), usual, FNT_NAMES_MAX);
}

/* ---- checking -------------------------------------------------------------------- */

/* A word that is not 0 may mean something to a later library. */
static int
check_reserved(const struct fnt_options *options)
{
	if (options->reserved0 || options->reserved[0])
		return fnt_fail(options->error, -EINVAL,
				"%s of the options is not 0: set it to 0, or use the "
				"library that knows it",
				options->reserved0 ? "reserved0" : "reserved[0]");
	return 0;
}

int
fnt_options_check(const struct fnt_options *options)
{
	const uint32_t known =
		FNT_KEEP_NONE | FNT_ORDERED | FNT_ATTACH_ONLY | FNT_GROUP;

	if (options->size_bytes && (options->size_bytes < FNT_REGION_SIZE_MIN ||
				    options->size_bytes > FNT_REGION_SIZE_MAX))
		return fnt_fail(options->error, -EINVAL,
				"a region of %llu bytes: give 256 KiB to 64 GiB",
				(unsigned long long)options->size_bytes);
	if (options->max_record_bytes && (options->max_record_bytes < FNT_RECORD_MIN ||
					  options->max_record_bytes > FNT_RECORD_MAX))
		return fnt_fail(options->error, -EINVAL,
				"max_record_bytes %u: give 1 KiB to 1 MiB",
				options->max_record_bytes);
	if (options->capacity > UINT32_MAX)
		return fnt_fail(options->error, -EINVAL,
				"capacity %llu: give at most 4294967295",
				(unsigned long long)options->capacity);
	if (options->kept_percent > FNT_KEPT_MAX &&
	    options->kept_percent != FNT_KEPT_NONE)
		return fnt_fail(options->error, -EINVAL,
				"kept_percent %u: give 1 to %u, or FNT_KEPT_NONE",
				options->kept_percent, FNT_KEPT_MAX);
	if (options->names &&
	    (options->names < FNT_NAMES_MIN || options->names > FNT_NAMES_MAX))
		return fnt_fail(options->error, -EINVAL, "names %u: give %u to %u",
				options->names, FNT_NAMES_MIN, FNT_NAMES_MAX);
	if (options->flags & ~known)
		return fnt_fail(options->error, -EINVAL, "flags 0x%x: unknown bits",
				options->flags & ~known);
	return check_reserved(options);
}
