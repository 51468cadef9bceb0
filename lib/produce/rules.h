/* SPDX-License-Identifier: MIT
 *
 * control.h: what a process makes of the region's settings.
 *
 *   control->generation ──moved?──► settings copied ──► struct fnt_snapshot ──RCU──►
 * begin │ rules, by name's id   │ └──────► the call's rule ─► finish
 *
 * A snapshot is made by whichever thread begins a call and finds that the generation
 * has moved; several may make one each, and the first to publish it wins: nobody waits
 * for another. Those that are replaced are freed after a grace period: see
 * fnt_rules_follow.
 *
 * A call goes by the rule that it began with: a copy of it lies in the call, so that it
 * needs no snapshot later.
 */
#ifndef FNT_PRODUCE_RULES_H
#define FNT_PRODUCE_RULES_H

#include "produce/attach.h"

#include <fntrace/control.h>

/* More than any region has: a rule's number has to go into a byte. */
#define FNT_RULES_MAX 250u

/* What the settings come to for a function. */
struct fnt_rule {
	uint64_t keep;	  /* a tree is kept if its 63-bit hash is below */
	uint64_t slow_ns; /* UINT64_MAX: nothing is slow */
	uint32_t rate;	  /* 0: no limit */
	bool plain;	  /* all default */
	bool enabled;
	bool keep_errors;
	uint8_t values, ids, users; /* enum fnt_capture */
};

struct fnt_settings_block;

struct fnt_snapshot {
	struct fnt_snapshot *next; /* retired */
	uint64_t generation;	   /* of the region */
	bool plain;		   /* no rule says anything */
	bool off;		   /* every rule says: not enabled */
	bool alike;		   /* one rule is that of all functions */
	/* The same, and it is not plain, but leaves users and ids as they are. */
	bool quick;
	struct fnt_settings_block *block;
	uint32_t name_count;
	struct fnt_rule *rules; /* for all functions, then as the block's overrides */
	_Atomic uint8_t
		by_name[]; /* by id: 0 not looked up yet, else the rule's number + 1 */
};

/* No generation of a sound region. */
#define FNT_GENERATION_NEVER UINT64_MAX

/* The first snapshot; false: no memory. */
bool fnt_rules_init(struct fnt_attachment *attachment);

/* Nobody uses the attachment any more. */
void fnt_rules_fini(struct fnt_attachment *attachment);

/* Is everything at its default, as far as this process knows, and does it know the
 * latest? Inside fnt_enter. */
static inline bool
fnt_rules_plain(struct fnt_attachment *attachment)
{
	if (!FNT_COUNTED)
		return true;
	return __builtin_expect(
		atomic_load_explicit(&attachment->region.view.control->generation,
				     memory_order_relaxed) ==
			atomic_load_explicit(&attachment->plain, memory_order_relaxed),
		1);
}

/* Where it does not: make a snapshot of the latest, if there is memory. Inside
 * fnt_enter; the read-side section is left and entered again where the generation has
 * moved, so that what the attachment pointed to may be gone. NULL, and outside: the log
 * has been closed.
 *
 * Now and then frees what has been replaced, for which it waits for a grace period:
 * that is once in FNT_RETIRED_MAX changes, in one thread, and never if the host itself
 * is in a read-side section of urcu-bp. */
#define FNT_RETIRED_MAX 8
struct fnt_attachment *fnt_rules_follow(struct fnt_log *log,
					struct fnt_attachment *attachment);

static inline struct fnt_snapshot *
fnt_rules_snapshot(struct fnt_attachment *attachment)
{
	/* [V2] acquire: the snapshot is whole. Pairs with [V1] in rules.c. */
	return atomic_load_explicit(&attachment->snapshot, memory_order_acquire);
}

static inline bool
fnt_rules_are_latest(struct fnt_attachment *attachment,
		     const struct fnt_snapshot *snapshot)
{
	return atomic_load_explicit(&attachment->region.view.control->generation,
				    memory_order_relaxed) == snapshot->generation;
}

/* What applies to the function, whose name's id may be FNT_NAME_NONE. Lives as long as
 * the read-side section. */
const struct fnt_rule *fnt_rules_find(struct fnt_snapshot *snapshot, uint32_t id,
				      const char *name);

/* What has been replaced: for who waits for a grace period anyway, between these two.
 */
struct fnt_snapshot *fnt_rules_retired(void);
void fnt_rules_free(struct fnt_snapshot *retired);

#endif
