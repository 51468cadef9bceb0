/* SPDX-License-Identifier: MIT */
#include "region/provenance.h"

#include "base/random.h"
#include "region/liveness.h"
#include "region/region_time.h"
#include "region/slots.h"

/* The header's words: fixed by the creator, replaced by a process that adopts a
 * copy. */
static fnt_word *
header_word(const struct fnt_region *region, size_t offset)
{
	return (fnt_word *)(void *)(region->view.base + offset);
}

#define HEADER_WORD(region, field)                                                     \
	header_word(region, offsetof(struct fnt_header, field))

bool
fnt_region_is_moved(const struct fnt_region *region)
{
	uint64_t dev = fnt_word_relaxed(HEADER_WORD(region, file_dev));
	uint64_t ino = fnt_word_relaxed(HEADER_WORD(region, file_ino));
	uint64_t boot = fnt_word_relaxed(HEADER_WORD(region, boot_id));

	if (!ino)
		return false; /* the creator could not find out */
	return ino != region->ino || (dev != region->dev && boot == fnt_boot_id());
}

bool
fnt_region_is_live(const struct fnt_region *region, uint32_t except)
{
	for (uint32_t slot = 0; slot < region->view.producer_count; slot++)
		if (slot != except && fnt_slot_alive(region, slot))
			return true;
	return false;
}

enum fnt_region_state
fnt_region_state(const struct fnt_region *region)
{
	bool moved = fnt_region_is_moved(region);

	if (region->view.frozen)
		return FNT_REGION_FROZEN;
	if ((!moved && fnt_region_time_is_now(&region->view)) ||
	    fnt_region_is_live(region, FNT_SLOT_NONE))
		return FNT_REGION_CURRENT;
	return moved ? FNT_REGION_COPY : FNT_REGION_OTHER_BOOT;
}

/* Store a word unless it has the value already: so the header's page stays clean. */
static void
set_word(fnt_word *word, uint64_t value)
{
	if (fnt_word_relaxed(word) != value)
		fnt_word_store(word, value);
}

void
fnt_region_adopt(const struct fnt_region *region)
{
	uint64_t boot = fnt_boot_id();

	if (!boot)
		return;
	set_word(HEADER_WORD(region, file_dev), region->dev);
	set_word(HEADER_WORD(region, file_ino), region->ino);
	set_word(HEADER_WORD(region, boot_id), boot);
}
