/* SPDX-License-Identifier: MIT
 *
 * call_start.h: beginning a call in a thread's part of a log.
 */
#ifndef FNT_PRODUCE_CALL_START_H
#define FNT_PRODUCE_CALL_START_H

#include "payload/encode_fast.h"
#include "produce/call_use.h"

/* Begin a call, in a frame, or, with `framed` false or no frame free, in private
 * memory. NULL: no memory. Inside the log's read-side section. Wait-free but for
 * malloc. */
struct fnt_call *fnt_call_start(struct fnt_log *log, struct fnt_thread *thread,
				const struct fnt_call_info *info, bool framed);

/* The fields that are zero, or the call's own, whenever a call begins. */
static inline __attribute__((always_inline)) void
fnt_call_start_clean(struct fnt_call *call)
{
	fnt_call_own(call, fnt_thread_state.serial);
	fnt_pair_store(&call->extra.rows, fnt_pair_make(0, 0));
	fnt_pair_store(&call->begun, fnt_pair_make(0, 0));
}

/* A text was too long: blank what was written, which may end in the middle of a
 * text. */
static inline __attribute__((always_inline)) char *
fnt_call_blank_beginning(char *at)
{
	fnt_bytes_zero(at, 3 + 3 * (2 + FNT_SHORT_TEXT));
	return NULL;
}

/* Write the first event of a call whose function's name is in the record's head and
 * whose ids are short texts. Returns where it ends; NULL: an id is not short. */
static inline __attribute__((always_inline)) char *
fnt_call_encode_beginning_fast(char *const start, const struct fnt_call_info *info)
{
	const char *text = info->call_id ? info->call_id : "";
	size_t len = fnt_short_text_len(text);
	char *at = start;

	if (__builtin_expect(len >= FNT_SHORT_TEXT, 0))
		return NULL;
	at = fnt_encode_text_after_fast(at, FNT_HEAD_CALL, 2, text, len, true);
	/* The function's name: nil. */
	text = info->user_id;
	if (text) {
		len = fnt_short_text_len(text);
		if (__builtin_expect(len >= FNT_SHORT_TEXT, 0))
			return fnt_call_blank_beginning(start);
		at = fnt_encode_text_after_fast(at, 0xc0, 1, text, len, false);
	} else {
		fnt_short_text_blank(at);
		fnt_bytes_store2(at, 0xc0c0);
		at += 2;
	}
	text = info->tenant_id;
	len = text ? fnt_short_text_len(text) : 0;
	if (__builtin_expect(len >= FNT_SHORT_TEXT, 0))
		return fnt_call_blank_beginning(start);
	return fnt_encode_text_fast(at, text, len);
}

#endif
