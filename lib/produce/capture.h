/* SPDX-License-Identifier: MIT
 *
 * capture.h: what a call's rule leaves of ids and values: all of it, nothing, or a
 * hash.
 *
 * Wait-free; no system call, no allocation. Any thread.
 */
#ifndef FNT_PRODUCE_CAPTURE_H
#define FNT_PRODUCE_CAPTURE_H

#include "produce/call_use.h"

/* "h:", 16 hexadecimal digits, NUL; and the same in quotes, as JSON. */
#define FNT_HASHED_BYTES 19
#define FNT_HASHED_JSON_BYTES 21

/* Room for a hashed text. */
struct fnt_hashed {
	char text[FNT_HASHED_BYTES];
};

/* `text` itself, NULL, or its hash in `room`, as `how` (enum fnt_capture) says. NULL
 * stays NULL. The hash is SipHash-2-4 under the region's key; NULL where there is no
 * key, as the kernel gave no random bytes (base/random.h). */
const char *fnt_capture_text(const struct fnt_attachment *attachment, uint8_t how,
			     const char *text, struct fnt_hashed *room);

/* The same for a value, which is changed in place and may then point into `room`.
 * False: the rule captures no values, or hashes them and there is no key. */
bool fnt_capture_value(const struct fnt_attachment *attachment, uint8_t how,
		       struct fnt_value *value, char room[FNT_HASHED_JSON_BYTES]);

/* The id of an op, as the call's rule has it; NULL: none. */
static inline const char *
fnt_capture_id(struct fnt_call_ctx ctx, const char *id, struct fnt_hashed *room)
{
	if (__builtin_expect(!ctx.call->slow.ruled, 1))
		return id;
	return fnt_capture_text(ctx.thread->attachment, ctx.call->rule.ids, id, room);
}

/* A user or tenant, as the call's rule has it; NULL: none. */
static inline const char *
fnt_capture_user(struct fnt_call_ctx ctx, const char *user, struct fnt_hashed *room)
{
	if (__builtin_expect(!ctx.call->slow.ruled, 1))
		return user;
	return fnt_capture_text(ctx.thread->attachment, ctx.call->rule.users, user,
				room);
}

#endif
