/* SPDX-License-Identifier: MIT
 *
 * model.h: random calls and traces, and their parts, to be compared with what is read.
 */
#ifndef FNT_TEST_MODEL_H
#define FNT_TEST_MODEL_H

#include "fixture.h"

#define OPS_MAX 96
#define TEXT_MAX_ 64

struct model_op {
	enum fnt_op op;
	bool ok, timed;
	char entity[TEXT_MAX_], id[TEXT_MAX_];
	bool has_id;
	uint64_t duration_ns; /* of an op that the caller times */
	int64_t row_count;
	int64_t handle;
};

struct model_schedule {
	char fn[TEXT_MAX_];
	int64_t delay_ms, run_at;
};

static inline void
random_text(struct rnd *r, char text[TEXT_MAX_])
{
	static const char *const bits[] = {
		"a",  "todo", "\xc3\xa9", "\xe2\x82\xac",    "_", "\"",
		"\n", "user", "0",	  "\xf0\x9f\x98\x80"};
	uint32_t count = rnd(r, 8);

	text[0] = '\0';
	while (count--)
		strcat(text, bits[rnd(r, sizeof(bits) / sizeof(bits[0]))]);
}

static inline int64_t
random_number(struct rnd *r)
{
	static const int64_t special[] = {
		FNT_NONE, 0,	 -1,	    127,	   128,	      -32,
		-33,	  65536, INT64_MAX, INT64_MIN + 1, INT32_MIN, UINT32_MAX};

	return rnd(r, 2) ? special[rnd(r, sizeof(special) / sizeof(special[0]))]
			 : (int64_t)rnd(r, 1u << 30) - (1 << 29);
}

static inline void
fill_op(struct rnd *r, struct model_op *op)
{
	memset(op, 0, sizeof(*op));
	op->op = (enum fnt_op)rnd(r, FNT_OP_KINDS);
	op->ok = rnd(r, 2);
	random_text(r, op->entity);
	random_text(r, op->id);
	op->has_id = rnd(r, 3) > 0;
	op->row_count = random_number(r);
	op->duration_ns = rnd(r, 2) ? rnd(r, 1u << 30) : UINT64_MAX;
}

static inline void
same_text(const char *got, const char *want, bool there)
{
	if (!there)
		MUST(!got);
	else if (!got || strcmp(got, want) != 0)
		ck_abort_msg("\"%s\", not \"%s\"", got ? got : "(none)", want);
}

#endif
