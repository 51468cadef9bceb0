/* SPDX-License-Identifier: MIT
 *
 * traceparent.h: a call's trace id and uid as text, to be passed to another program:
 * W3C Trace Context, level 2
 * (https://www.w3.org/TR/trace-context-2/#traceparent-header).
 *
 *      00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *      │  │                                │                └ flags
 *      │  └ trace id, not all zeros        └ parent id: the caller's uid, not all zeros
 *      └ version, not ff; lower-case hexadecimal throughout
 *
 * Pure functions. Any thread, signal handlers too. Wait-free.
 */
#ifndef FNT_PRODUCE_TRACEPARENT_H
#define FNT_PRODUCE_TRACEPARENT_H

#include <stdbool.h>
#include <stdint.h>

#define FNT_TRACEPARENT_BYTES 56 /* of version 00, with its NUL */

/* FNT_W3C_SAMPLED | FNT_W3C_RANDOM: all flags that level 2 defines. */
#define FNT_TRACEPARENT_FLAGS 3u

/* Parse `text`, which ends with a NUL; at most 56 bytes of it are read. As strict as
 * the standard: no blanks around it, no capitals; version 00 has exactly 55 bytes; a
 * later version starts with the same 55, and may go on with a dash. *flags: those of
 * FNT_TRACEPARENT_FLAGS that are set. False: `text` is not valid, and nothing is
 * changed. */
bool fnt_traceparent_parse(const char *text, uint64_t trace_id[2], uint64_t *parent_uid,
			   uint32_t *flags);

/* Write version 00 and a NUL. Neither id should be 0. `flags`: FNT_W3C_*; other
 * bits are not written. */
void fnt_traceparent_format(char text[FNT_TRACEPARENT_BYTES],
			    const uint64_t trace_id[2], uint64_t uid, uint32_t flags);

#endif
