/* SPDX-License-Identifier: MIT */
#include "floor_primitives.h"

#include "base/rcu.h"

/* ---- single instructions ------------------------------------------------------ */

void
primitive_rdtsc(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++)
		use_value(__rdtsc());
}

void
primitive_vdso(void *state, uint64_t times)
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
primitive_cmpxchg(void *state, uint64_t times)
{
	struct floor_producer *p = state;
	uint64_t now = floor_load(&p->alone);

	for (uint64_t i = 0; i < times; i++)
		compare_and_swap(&p->alone, now + i);
}

void
primitive_xadd(void *state, uint64_t times)
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

	/* Otherwise gcc spills the sixty addresses to the stack. */
	__asm__ volatile("" : "+r"(words));
#pragma GCC unroll 60
	for (unsigned i = 0; i < FLOOR_STORES; i++)
		floor_store(&words[i], value);
}

void
primitive_stores(void *state, uint64_t times)
{
	struct floor_producer *p = state;

	for (uint64_t i = 0; i < times; i++)
		store_all(p, i);
}

void
primitive_stores_cmpxchg(void *state, uint64_t times)
{
	struct floor_producer *p = state;
	uint64_t now = floor_load(&p->alone);

	for (uint64_t i = 0; i < times; i++) {
		store_all(p, i);
		compare_and_swap(&p->alone, now + i);
	}
}

void
primitive_rcu(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++) {
		fnt_rcu_read_lock();
		fnt_rcu_read_unlock();
	}
}

/* ---- clocks ------------------------------------------------------------------- */

void
primitive_stamps(void *state, uint64_t times)
{
	struct floor_producer *p = state;

	for (uint64_t i = 0; i < times; i++)
#pragma GCC unroll 4
		for (int j = 0; j < 4; j++)
			use_value(floor_tsc(&p->floor.clock));
}

void
primitive_stamps_vdso(void *state, uint64_t times)
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
		fnt_words_write(f->cells[f->ticket & f->mask].words, p->hot,
				FNT_CELL_WORDS);
		f->ticket++;
		if (prefetch)
			floor_prefetch(f);
	}
}

void
primitive_copy(void *state, uint64_t times)
{
	copy(state, times, true);
}

void
primitive_copy_no_prefetch(void *state, uint64_t times)
{
	copy(state, times, false);
}
