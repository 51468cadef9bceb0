/* SPDX-License-Identifier: MIT */
#include "floor_acts.h"

#include "base/rcu.h"

/* ---- single acts -------------------------------------------------------------- */

void
act_rdtsc(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++)
		use_value(__rdtsc());
}

void
act_vdso(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++)
		use_value(floor_vdso());
}

static inline void
compare_and_swap(fnt_word *word, uint64_t old)
{
	atomic_compare_exchange_strong_explicit(
		word, &old, old + 1, memory_order_acquire, memory_order_relaxed);
}

void
act_cmpxchg(void *state, uint64_t times)
{
	struct floor_producer *p = state;
	uint64_t now = floor_get(&p->alone);

	for (uint64_t i = 0; i < times; i++)
		compare_and_swap(&p->alone, now + i);
}

void
act_xadd(void *state, uint64_t times)
{
	struct floor_producer *p = state;

	for (uint64_t i = 0; i < times; i++)
		use_value(
			atomic_fetch_add_explicit(&p->alone, 1, memory_order_relaxed));
}

static inline void
store_all(struct floor_producer *p, uint64_t value)
{
	fnt_word *words = p->words;

	/* Else gcc takes the sixty addresses to the stack and back each time. */
	__asm__ volatile("" : "+r"(words));
#pragma GCC unroll 60
	for (unsigned i = 0; i < FLOOR_STORES; i++)
		floor_set(&words[i], value);
}

void
act_stores(void *state, uint64_t times)
{
	struct floor_producer *p = state;

	for (uint64_t i = 0; i < times; i++)
		store_all(p, i);
}

void
act_fenced(void *state, uint64_t times)
{
	struct floor_producer *p = state;
	uint64_t now = floor_get(&p->alone);

	for (uint64_t i = 0; i < times; i++) {
		store_all(p, i);
		compare_and_swap(&p->alone, now + i);
	}
}

void
act_rcu(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++) {
		fnt_rcu_read_lock();
		fnt_rcu_read_unlock();
	}
}

/* ---- clocks ------------------------------------------------------------------- */

void
act_stamps(void *state, uint64_t times)
{
	struct floor_producer *p = state;

	for (uint64_t i = 0; i < times; i++)
#pragma GCC unroll 4
		for (int j = 0; j < 4; j++)
			use_value(floor_tsc(&p->floor.clock));
}

void
act_stamps_vdso(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++)
#pragma GCC unroll 4
		for (int j = 0; j < 4; j++)
			use_value(floor_vdso());
}

/* ---- copies ------------------------------------------------------------------- */

static inline void
copy(struct floor_producer *p, uint64_t times, bool prefetch)
{
	struct floor *f = &p->floor;

	for (uint64_t i = 0; i < times; i++) {
		fnt_words_put(f->cells[f->ticket & f->mask].words, p->hot,
			      FNT_CELL_WORDS);
		f->ticket++;
		if (prefetch)
			floor_prefetch(f);
	}
}

void
act_copy(void *state, uint64_t times)
{
	copy(state, times, true);
}

void
act_copy_cold(void *state, uint64_t times)
{
	copy(state, times, false);
}
