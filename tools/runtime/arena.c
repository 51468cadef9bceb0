/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 8192u

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	max_align_t bytes[];
};

static void
grow(struct arena *arena, size_t size)
{
	size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
	struct arena_block *block = calloc(1, sizeof(*block) + room);

	if (!block) {
		fputs("fntrace-runtime: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	block->size = room;
	block->next = arena->blocks;
	arena->blocks = block;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	size_t step = sizeof(max_align_t);
	struct arena_block *block;
	void *start;

	size = (size + step - 1) / step * step;
	if (!arena->blocks || arena->blocks->size - arena->blocks->used < size)
		grow(arena, size);
	block = arena->blocks;
	start = (char *)block->bytes + block->used;
	block->used += size;
	return start;
}

char *
arena_copy(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, text, len);
	return copy;
}

char *
arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	text = arena_alloc(arena, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, format, args);
	return text;
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = arena_vprintf(arena, format, args);
	va_end(args);
	return text;
}

void
arena_fini(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}
