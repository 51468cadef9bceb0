/* SPDX-License-Identifier: MIT
 *
 * rules.h: what a process makes of the region's settings.
 *
 *   control->generation has changed
 *      └─► copy the settings ─► struct fnt_snapshot ──RCU──► rules, by a name's id
 *                                                               │
 *   begin ──────────────────────────────────────────────────────┴─► the call's rule
 *
 * A snapshot is made by the thread that begins a call and finds that the generation has
 * changed. Several threads may make one each; the first to publish it wins, and nobody
 * waits for another. Replaced snapshots are freed after a grace period.
 *
 * A call goes by the rule that it began with: a copy of it lies in the call, so that it
 * needs no snapshot later.
 *
 * Progress: reading is wait-free. Updating is lock-free and allocates.
 */
#ifndef FNT_PRODUCE_RULES_H
#define FNT_PRODUCE_RULES_H

#include "produce/attachment.h"

#include <fntrace/control.h>

/* More than any region has: a rule's number + 1 has to fit in a byte. */
#define FNT_RULES_MAX 250u

/* Replaced snapshots that are kept until one thread waits for a grace period. */
#define FNT_RETIRED_MAX 8

/* No generation of a sound region. */
#define FNT_GENERATION_NEVER UINT64_MAX

/* The settings of one function. */
struct fnt_rule {
	uint64_t keep;	  /* a trace is sampled if its 63-bit hash is below this */
	uint64_t slow_ns; /* a call that takes as long is slow; UINT64_MAX: none is */
	uint32_t rate;	  /* records a second; 0: no limit */
	bool plain;	  /* everything is at its default */
	bool enabled;
	bool keep_errors;
	uint8_t values, ids, users; /* enum fnt_capture */
};

struct fnt_settings_block;

struct fnt_snapshot {
	struct fnt_snapshot *next; /* of those that are retired */
	uint64_t generation;	   /* of the region's settings */
	bool plain;		   /* every rule is plain */
	bool off;		   /* no rule enables anything */
	bool alike;		   /* one rule applies to all functions */
	/* `alike` and not `plain`, but users and ids are captured as they are. */
	bool fast;
	struct fnt_settings_block *block;
	uint32_t name_count;
	struct fnt_rule *rules; /* first that of all functions, then the overrides */
	/* By name id: the rule's number + 1; 0: not looked up yet. */
	_Atomic uint8_t by_name[];
};

/* Make the first snapshot. False: no memory. */
bool fnt_rules_init(struct fnt_attachment *attachment);

/* Free the snapshot. Nobody uses the attachment any more. */
void fnt_rules_fini(struct fnt_attachment *attachment);

/* Are all rules at their defaults, and is the snapshot that says so the latest? Inside
 * fnt_enter. */
static inline bool
fnt_rules_plain(struct fnt_attachment *attachment)
{
	if (!FNT_COUNTED)
		return true;
	return __builtin_expect(
		fnt_word_relaxed(&attachment->region.view.control->generation) ==
			fnt_word_relaxed(&attachment->plain),
		1);
}

/* Set attachment->plain from its snapshot: threads that replaced the snapshot at the
 * same time may have set it from an older one. */
void fnt_rules_remember_plain(struct fnt_attachment *attachment);

/* The snapshot; lives as long as the read-side section. */
static inline struct fnt_snapshot *
fnt_rules_snapshot(struct fnt_attachment *attachment)
{
	/* [V2] acquire: the snapshot is complete. Pairs with [V1] in rules.c. */
	return atomic_load_explicit(&attachment->snapshot, memory_order_acquire);
}

static inline bool
fnt_rules_are_latest(struct fnt_attachment *attachment,
		     const struct fnt_snapshot *snapshot)
{
	return fnt_word_relaxed(&attachment->region.view.control->generation) ==
	       snapshot->generation;
}

/* The rule of the function `name`, whose id may be FNT_NAME_NONE. Lives as long as the
 * read-side section. */
const struct fnt_rule *fnt_rules_find(struct fnt_snapshot *snapshot, uint32_t id,
				      const char *name);

/* Replace the snapshot if the region's settings have changed. False: they have not,
 * another thread was first, or there is no memory. */
bool fnt_rules_update(struct fnt_attachment *attachment);

/* If FNT_RETIRED_MAX snapshots have been replaced: wait for a grace period and free
 * them. Outside of fnt_enter; does nothing if the host is in a read-side section. */
void fnt_rules_sweep(void);

/* Take the replaced snapshots, and free them: for a caller that waits for a grace
 * period between the two. */
struct fnt_snapshot *fnt_rules_retired(void);
void fnt_rules_free(struct fnt_snapshot *retired);

/* Put back what was taken: there was no grace period. */
void fnt_rules_retire_again(struct fnt_snapshot *list);

#endif
