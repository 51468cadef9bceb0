/* SPDX-License-Identifier: MIT */
#include "region/claim.h"

#include "region/process.h"

#include <errno.h>

#define PID_SHIFT 42
#define START_SHIFT 22
#define NS_SHIFT 10
#define START_MASK ((1ull << (PID_SHIFT - START_SHIFT)) - 1)
#define NS_MASK ((1ull << (START_SHIFT - NS_SHIFT)) - 1)
#define IMAGE_MASK ((1ull << NS_SHIFT) - 1)
#define PID_MAX (1ull << (64 - PID_SHIFT)) /* that of Linux, 2^22 */

/* The calling process's word; 0: it can't say who it is. */
static uint64_t
word_of(const struct fnt_process_id *id)
{
	if (!id->pid_ns || !id->start_time || id->pid >= PID_MAX)
		return 0;
	return id->pid << PID_SHIFT | (id->start_time & START_MASK) << START_SHIFT |
	       (id->pid_ns & NS_MASK) << NS_SHIFT | (id->image & IMAGE_MASK);
}

static uint64_t
word_of_self(void)
{
	struct fnt_process_id id;

	fnt_process_id_self(&id);
	return word_of(&id);
}

/* Is the holder dead, as far as the calling process, `self`, can tell? */
static bool
is_dead(uint64_t holder, uint64_t self)
{
	uint64_t start;

	if ((holder >> NS_SHIFT & NS_MASK) != (self >> NS_SHIFT & NS_MASK))
		return false;
	if (holder >> PID_SHIFT == self >> PID_SHIFT)
		return holder != self;
	switch (fnt_process_find(holder >> PID_SHIFT, &start)) {
	case FNT_PROCESS_DEAD:
		return true;
	case FNT_PROCESS_RUNS:
		return (start & START_MASK) != (holder >> START_SHIFT & START_MASK);
	default:
		return false;
	}
}

static bool
is_free(uint64_t holder, uint64_t self)
{
	return !holder || (self && is_dead(holder, self));
}

bool
fnt_claim_is_held(fnt_word *word)
{
	uint64_t holder = fnt_word_relaxed(word);

	return holder && !is_free(holder, word_of_self());
}

int
fnt_claim_take(fnt_word *word)
{
	uint64_t holder = fnt_word_relaxed(word), self = word_of_self();

	if (!self)
		return -ENOLCK;
	if (!is_free(holder, self))
		return -EAGAIN;
	/* [M1] acquire: what the last holder wrote is visible. Pairs with [M2]. */
	return atomic_compare_exchange_strong_explicit(
		       word, &holder, self, memory_order_acquire, memory_order_relaxed)
		       ? 0
		       : -EAGAIN;
}

bool
fnt_claim_is_possible(void)
{
	return word_of_self() != 0;
}

void
fnt_claim_drop(fnt_word *word)
{
	uint64_t holder = fnt_word_relaxed(word);

	/* [M2] release: what we have written is visible to the next holder. Pairs with
	 * [M1]. */
	if (holder && holder == word_of_self())
		atomic_compare_exchange_strong_explicit(
			word, &holder, 0, memory_order_release, memory_order_relaxed);
}
