/* SPDX-License-Identifier: MIT
 *
 * arena.h: the memory of one call. Everything a function makes while it runs comes from
 * here and goes at once when the call ends, so that no function frees anything and an
 * early return leaks nothing.
 */
#ifndef RUNTIME_ARENA_H
#define RUNTIME_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first; all zero is an empty arena */
};

/* `size` bytes, zeroed, aligned for anything. Without memory the process ends: the
 * parent forks another worker, which is all that could be done about it here too. */
void *arena_alloc(struct arena *arena, size_t size);

char *arena_copy(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3), nonnull(1, 2)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
	__attribute__((format(printf, 2, 0), nonnull));

/* Gives everything back; the arena is empty and may be used again. */
void arena_fini(struct arena *arena);

#endif
