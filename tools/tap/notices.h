/* SPDX-License-Identifier: MIT
 *
 * notices.h: how often each notification was seen, by method.
 *
 * Memory is bounded: there are NOTICES_MAX methods at most; the rest are counted
 * together. Threads: one at a time.
 */
#ifndef FNT_TAP_NOTICES_H
#define FNT_TAP_NOTICES_H

#include <stddef.h>
#include <stdint.h>

#define NOTICES_MAX 32
#define NOTICE_NAME_MAX 63 /* bytes of a method; longer ones are cut */

/* All zero at first. */
struct notices {
	struct {
		char method[NOTICE_NAME_MAX + 1];
		uint64_t count;
	} of[NOTICES_MAX];
	uint64_t others;
};

void notices_count(struct notices *notices, const char *method);

/* Write "didOpen 3, progress 2, others 1" to `text`, cut at `size` bytes with the NUL;
 * "" if there were none. */
void notices_text(const struct notices *notices, char *text, size_t size);

#endif
