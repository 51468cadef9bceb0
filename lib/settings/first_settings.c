/* SPDX-License-Identifier: MIT
 *
 * first_settings.c: the first contents of a new region's control and settings sections.
 * All other sections begin as zeroes.
 */
#include "settings/first_settings.h"

#include "base/error.h"
#include "base/random.h"
#include "settings/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct fnt_section *
section_of(const struct fnt_header *header, uint32_t kind)
{
	for (uint32_t i = 0; i < header->section_count; i++)
		if (header->sections[i].kind == kind)
			return &header->sections[i];
	return NULL;
}

/* The program's settings, then those of $FNTRACE_SETTINGS, which override them by
 * key. */
static int
parse_sources(struct fnt_settings_block *block, const struct fnt_options *options)
{
	const char *environment = secure_getenv("FNTRACE_SETTINGS");
	int rc = 0;

	if (options->settings)
		rc = fnt_settings_parse(block, options->settings, "settings",
					options->error);
	if (!rc && environment)
		rc = fnt_settings_parse(block, environment, "FNTRACE_SETTINGS",
					options->error);
	return rc;
}

static bool
write_all(int fd, const void *bytes, size_t size, uint64_t off)
{
	return pwrite(fd, bytes, size, (off_t)off) == (ssize_t)size;
}

static int
write_settings(int fd, const struct fnt_section *section,
	       const struct fnt_settings_block *block,
	       const struct fnt_options *options)
{
	uint32_t count = block->max + 1;
	size_t size = count * sizeof(struct fnt_setting_entry);
	struct fnt_setting_entry *entries = calloc(1, size);
	int rc = 0;

	if (!entries)
		return fnt_fail(options->error, -ENOMEM, "out of memory");
	fnt_settings_write(entries, count, block);
	if (!write_all(fd, entries, size, section->off))
		rc = fnt_fail(options->error, -errno,
			      "cannot write the settings of the new region: %s",
			      strerror(errno));
	free(entries);
	return rc;
}

int
fnt_first_settings_write(int fd, const struct fnt_header *header,
			 const struct fnt_options *options)
{
	const struct fnt_section *control = section_of(header, FNT_SECTION_CONTROL);
	const struct fnt_section *settings = section_of(header, FNT_SECTION_SETTINGS);
	struct fnt_settings_block *block =
		fnt_settings_create((uint32_t)settings->count / 2 - 1);
	struct {
		uint64_t generation;
		uint64_t key[2];
		uint64_t time_base;
	} first = {.generation = FNT_GENERATION_FIRST,
		   .time_base = fnt_time_base_make(0, header->boot_id)};
	int rc;

	static_assert(offsetof(struct fnt_control_words, generation) == 0 &&
			      offsetof(struct fnt_control_words, hash_key) == 8 &&
			      offsetof(struct fnt_control_words, time_base) == 24,
		      "as `first` has it");
	if (!block)
		return fnt_fail(options->error, -ENOMEM, "out of memory");
	rc = parse_sources(block, options);
	if (!rc)
		rc = write_settings(fd, settings, block, options);
	if (!fnt_random(first.key, sizeof(first.key)))
		memset(first.key, 0, sizeof(first.key)); /* no secret: no key */
	if (!rc && !write_all(fd, &first, sizeof(first), control->off))
		rc = fnt_fail(options->error, -errno,
			      "cannot write the control section of the new region: %s",
			      strerror(errno));
	free(block);
	return rc;
}
