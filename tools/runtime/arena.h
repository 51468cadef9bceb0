/* SPDX-License-Identifier: MIT
 *
 * arena.h: the memory of one call. Everything that a function allocates is freed at
 * once when the call ends, so that functions free nothing and an early return leaks
 * nothing.
 */
#ifndef RUNTIME_ARENA_H
#define RUNTIME_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first; all zero is an empty arena */
};

/* Allocate `size` bytes, zeroed, aligned for any type. The process exits if there is no
 * memory; the parent then forks another worker. */
void *arena_alloc(struct arena *arena, size_t size);

/* A copy of `len` bytes of text, and formatted text, both NUL-terminated. */
char *arena_copy(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3), nonnull(1, 2)));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
	__attribute__((format(printf, 2, 0), nonnull));

/* Free everything. The arena is then empty and may be used again. */
void arena_fini(struct arena *arena);

#endif
