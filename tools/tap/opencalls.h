/* SPDX-License-Identifier: MIT
 *
 * opencalls.h: the calls that a protocol's messages are about, found by what they say.
 *
 *      call_id ──► struct open_call ──┬── ops: pending, by op_id or oldest first
 *      op_id ────► struct open_op ────┤
 *      fn_name ──► struct open_wait ──┴── waits: nested calls asked for, oldest first
 *
 * What a runtime forgets to answer must not pile up: at most OPENCALLS_MAX of each
 * kind; past that nothing is added, and the caller counts it. All is found by hash,
 * also where every call numbers its ops from 1.
 *
 * Threads: one at a time. Nothing here blocks.
 */
#ifndef FNT_TAP_OPENCALLS_H
#define FNT_TAP_OPENCALLS_H

#include <fntrace/fntrace.h>

#include <sys/queue.h>

#define OPENCALLS_MAX 65536
#define OPENCALLS_BUCKETS 16384

/* What a message calls something: `len` bytes, not kept. */
struct open_key {
	const char *text;
	size_t len;
};

struct open_op {
	TAILQ_ENTRY(open_op) of_call;
	LIST_ENTRY(open_op) by_id; /* both only if it has an op_id */
	LIST_ENTRY(open_op) by_call_and_id;
	struct open_call *call;
	int64_t handle; /* of fnt_call_op_begin */
	enum fnt_op op;
	bool named;
	size_t id_len;
	char id[];
};

/* A nested call that was asked for. It stays with its call until that got its answer.
 */
struct open_wait {
	TAILQ_ENTRY(open_wait) of_call;
	TAILQ_ENTRY(open_wait) in_bucket; /* only while no call has come for it */
	struct open_call *call;
	bool claimed;
	size_t name_len;
	char name[];
};

TAILQ_HEAD(open_ops, open_op);
TAILQ_HEAD(open_waits, open_wait);

struct open_call {
	LIST_ENTRY(open_call) in_bucket;
	struct fnt_call *trace; /* NULL: could not be traced */
	struct open_ops ops;	/* with an op_id */
	struct open_ops nameless_ops;
	struct open_waits waits;
	char *user_id; /* NULL: none; for its nested calls */
	char *tenant_id;
	size_t id_len;
	char id[];
};

LIST_HEAD(open_call_bucket, open_call);
LIST_HEAD(open_op_bucket, open_op);

struct opencalls {
	struct open_call_bucket calls[OPENCALLS_BUCKETS];
	struct open_op_bucket ops[OPENCALLS_BUCKETS];
	struct open_op_bucket ops_of_call[OPENCALLS_BUCKETS];
	struct open_waits waits[OPENCALLS_BUCKETS];
	uint32_t call_count, op_count, wait_count;
};

/* NULL: no memory. Destroying abandons the calls that are open; returns how many. */
struct opencalls *opencalls_create(void);
uint64_t opencalls_destroy(struct opencalls *open);

struct open_call *opencalls_find(struct opencalls *open, struct open_key call_id);

/* Add a call that is not there. NULL: the limit, or no memory. */
struct open_call *opencalls_add(struct opencalls *open, struct open_key call_id);

/* Take a call out, with its ops and waits. Its trace is the caller's. */
void opencalls_remove(struct opencalls *open, struct open_call *call);

/* Add a pending op. op_id.text NULL: it has none. An op of the same call with this
 * op_id can't be answered any more and gives way. NULL: the limit, or no memory. */
struct open_op *opencalls_add_op(struct opencalls *open, struct open_call *call,
				 struct open_key op_id);

/* The op with this op_id, of `call` if it has one, else of any (`call` may be NULL). */
struct open_op *opencalls_find_op(struct opencalls *open, const struct open_call *call,
				  struct open_key op_id);

/* The oldest op of `call` without an op_id; NULL: none. */
struct open_op *opencalls_first_op(const struct open_call *call);

void opencalls_remove_op(struct opencalls *open, struct open_op *op);

/* `call` waits for a nested call of fn_name. False: the limit, or no memory. */
bool opencalls_add_wait(struct opencalls *open, struct open_call *call,
			struct open_key fn_name);

/* A call of fn_name has come: who has waited longest for one? NULL: nobody. */
struct open_call *opencalls_claim_wait(struct opencalls *open, struct open_key fn_name);

/* `call` got the answer to a nested call: the oldest. False: it waits for none. */
bool opencalls_end_wait(struct opencalls *open, struct open_call *call);

#endif
