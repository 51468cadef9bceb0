/* SPDX-License-Identifier: MIT */
#include "produce/enter_region.h"

#include "control/controller.h"
#include "region/fd.h"
#include "region/name_table.h"
#include "region/process.h"
#include "region/provenance.h"
#include "region/region.h"
#include "region/region_time.h"
#include "region/slots.h"
#include "ring/boot.h"
#include "ring/recover.h"

#include <string.h>
#include <unistd.h>

/* After a search for a slot that found none, wait so long. */
#define SLOT_RETRY_NS FNT_SECOND_NS

static uint32_t
program_name(const struct fnt_region *region, uint32_t slot)
{
	char name[64];

	fnt_slot_program_name(name);
	return fnt_name_intern(&region->view, slot, name, strlen(name));
}

/* Claim a slot, and recover what its last owner and other dead processes left. */
static bool
claim_slot(struct fnt_attachment *attachment)
{
	const struct fnt_region *region = &attachment->region;
	bool needs_recovery;
	uint32_t slot = fnt_slot_claim(region, &needs_recovery);

	if (slot == FNT_SLOT_NONE)
		return false;
	if (needs_recovery && !fnt_recover_slot(region, slot, slot)) {
		fnt_slot_abandon(region, slot);
		return false;
	}
	fnt_recover_dead(region, slot);
	fnt_region_adopt(region);
	fnt_control_try_settle(region);
	attachment->exe = program_name(region, slot);
	/* [D7] release: the program's name comes before the slot. Pairs with [D8] in
	 * thread.c. */
	atomic_store_explicit(&attachment->slot, slot, memory_order_release);
	return true;
}

void
fnt_attachment_begin(struct fnt_attachment *attachment)
{
	const struct fnt_view *view = &attachment->region.view;
	bool known;

	attachment->pid = (int32_t)getpid();
	fnt_boot_enter(view);
	attachment->time_shift = fnt_region_time_shift(view, &known);
	attachment->origin = (uint32_t)fnt_pid_namespace_of("/proc/self") |
			     (known ? 0 : (uint64_t)FNT_ORIGIN_TIME_UNKNOWN << 32);
	attachment->exe = FNT_NAME_NONE;
	attachment->slot = FNT_SLOT_NONE;
	claim_slot(attachment);
}

/* The lock on a slot must belong to the descriptor that the first pin keeps. */
static bool
look_again(struct fnt_attachment *attachment)
{
	if (fnt_region_restore_fd(&attachment->region)) {
		fnt_region_unpin_locks(&attachment->region);
		fnt_region_pin_locks(&attachment->region);
	}
	return claim_slot(attachment);
}

bool
fnt_attachment_has_slot(struct fnt_attachment *attachment)
{
	bool has = attachment->slot != FNT_SLOT_NONE;
	uint64_t now;

	if (has || !fnt_lock_try(&attachment->recovering))
		return has;
	now = fnt_clock_mono();
	has = attachment->slot != FNT_SLOT_NONE;
	if (!has && now >= attachment->slot_retry_ns) {
		has = look_again(attachment);
		attachment->slot_retry_ns = now + SLOT_RETRY_NS;
	}
	fnt_lock_release(&attachment->recovering);
	return has;
}
