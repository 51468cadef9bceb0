/* SPDX-License-Identifier: MIT
 *
 * traceparent.h: who called, as one line of text between programs: W3C Trace Context,
 * level 1 (https://www.w3.org/TR/trace-context-1/#traceparent-header).
 *
 *      00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *      │  │                                │                └ flags
 *      │  └ trace id, not all zeros        └ parent id: the caller's uid, not all zeros
 *      └ version, not ff; lower-case hexadecimal throughout
 *
 * Pure functions of their arguments: any thread, any time, signal handlers too;
 * wait-free.
 */
#ifndef FNT_PRODUCE_TRACEPARENT_H
#define FNT_PRODUCE_TRACEPARENT_H

#include <stdbool.h>
#include <stdint.h>

#define FNT_TRACEPARENT_BYTES 56 /* of version 00, with its NUL */

/* Take apart `text`, NUL-terminated, of which at most 56 bytes are looked at. Strict,
 * as the standard asks: no blanks around it, no capitals, version 00 exactly 55 bytes
 * long, of later versions the same 55 and, if there is more, a dash behind them. The
 * flags are checked for their shape and not used. False: not valid, nothing is changed.
 */
bool fnt_traceparent_parse(const char *text, uint64_t trace_id[2],
			   uint64_t *parent_uid);

/* Write version 00 with flag `sampled`, which means that the caller may have been
 * recorded and promises nothing. Neither id should be 0. */
void fnt_traceparent_format(char text[FNT_TRACEPARENT_BYTES],
			    const uint64_t trace_id[2], uint64_t uid);

#endif
