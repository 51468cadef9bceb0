/* SPDX-License-Identifier: MIT
 *
 * traceparent.h: a call's trace id and uid as text, to be passed to another program:
 * W3C Trace Context, level 1
 * (https://www.w3.org/TR/trace-context-1/#traceparent-header).
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

/* Parse `text`, which ends with a NUL; at most 56 bytes of it are read. As strict as
 * the standard: no blanks around it, no capitals; version 00 has exactly 55 bytes; a
 * later version starts with the same 55, and may go on with a dash. The flags are
 * checked for their form, and not used. False: `text` is not valid, and nothing is
 * changed. */
bool fnt_traceparent_parse(const char *text, uint64_t trace_id[2],
			   uint64_t *parent_uid);

/* Write version 00 and a NUL. The flag `sampled` is always set: it means that the
 * caller may have been recorded. Neither id should be 0. */
void fnt_traceparent_format(char text[FNT_TRACEPARENT_BYTES],
			    const uint64_t trace_id[2], uint64_t uid);

#endif
