/* SPDX-License-Identifier: MIT
 *
 * payload_same.h: compares events, and checks that bytes behind a payload do not change
 * how it is read.
 */
#ifndef FNT_TEST_PAYLOAD_SAME_H
#define FNT_TEST_PAYLOAD_SAME_H

#include "payload/read.h"

#include <stdlib.h>
#include <string.h>

static inline bool
same_text(const struct fnt_text *a, const struct fnt_text *b)
{
	return !a->at == !b->at && a->len == b->len &&
	       (!a->at || !memcmp(a->at, b->at, a->len));
}

static inline bool
same_name(const struct fnt_name_ref *a, const struct fnt_name_ref *b)
{
	return a->id == b->id && (a->id != UINT32_MAX || same_text(&a->text, &b->text));
}

static inline bool
same_event(const struct fnt_event *a, const struct fnt_event *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case FNT_EVENT_CALL:
		return same_text(&a->call.call_id, &b->call.call_id) &&
		       same_text(&a->call.fn, &b->call.fn) &&
		       same_text(&a->call.user, &b->call.user) &&
		       same_text(&a->call.tenant, &b->call.tenant);
	case FNT_EVENT_OP:
	case FNT_EVENT_OP_BEGIN:
	case FNT_EVENT_WAIT:
	case FNT_EVENT_WAIT_BEGIN:
		return a->op.op == b->op.op && same_text(&a->op.word, &b->op.word) &&
		       same_name(&a->op.entity, &b->op.entity) &&
		       same_text(&a->op.id, &b->op.id) &&
		       a->op.start_ns == b->op.start_ns &&
		       a->op.duration_ns == b->op.duration_ns &&
		       a->op.row_count == b->op.row_count && a->op.ok == b->op.ok;
	case FNT_EVENT_OP_END:
		return a->end.number == b->end.number &&
		       a->end.duration_ns == b->end.duration_ns &&
		       a->end.row_count == b->end.row_count && a->end.ok == b->end.ok;
	case FNT_EVENT_SCHEDULE:
		return same_name(&a->schedule.fn, &b->schedule.fn) &&
		       a->schedule.delay_ms == b->schedule.delay_ms &&
		       a->schedule.run_at == b->schedule.run_at;
	case FNT_EVENT_ERROR:
		return same_text(&a->error.code, &b->error.code) &&
		       same_text(&a->error.message, &b->error.message);
	case FNT_EVENT_VALUE:
		return a->value.kind == b->value.kind &&
		       same_text(&a->value.bytes, &b->value.bytes);
	case FNT_EVENT_COMMITTED:
		return a->time_ns == b->time_ns;
	case FNT_EVENT_UNKNOWN:
		return true;
	default:
		return same_text(&a->text, &b->text);
	}
}

/* Read `len` bytes with FNT_PAYLOAD_SLACK bytes of `junk` behind them, and without.
 * True if both give the same events. */
static inline bool
same_with_slack(const void *bytes, size_t len, int junk)
{
	const unsigned char *plain = bytes;
	unsigned char *copy = malloc(len + FNT_PAYLOAD_SLACK);
	struct fnt_payload_reader a = {plain, plain + len, 0};
	struct fnt_payload_reader b = {copy, copy + len, FNT_PAYLOAD_SLACK};
	struct fnt_event of_a, of_b;
	bool same = copy != NULL;
	int rc = 1;

	if (copy) {
		memcpy(copy, bytes, len);
		memset(copy + len, junk, FNT_PAYLOAD_SLACK);
	}
	while (same && rc == 1) {
		rc = fnt_payload_next(&a, &of_a);
		same = fnt_payload_next(&b, &of_b) == rc;
		if (same && rc == 1)
			same = a.at - plain == b.at - copy && same_event(&of_a, &of_b);
	}
	free(copy);
	return same;
}

#endif
