/* SPDX-License-Identifier: MIT
 *
 * opencalls.h: the calls and operations that are open in a protocol, found by the ids
 * in its messages.
 *
 *      call_id ──► struct open_call ──┬── ops: pending, by op_id or oldest first
 *      op_id ────► struct open_op ────┤
 *      fn_name ──► struct open_wait ──┴── waits: nested calls asked for, oldest first
 *
 * Memory is bounded even if a runtime never answers: there are at most OPENCALLS_MAX of
 * each kind. Beyond that nothing is added, and the caller counts it. Everything is
 * found through a hash table; op_ids are hashed with their call too, since runtimes may
 * number the operations of every call from 1.
 *
 * Threads: one at a time. Nothing here blocks.
 */
#ifndef FNT_TAP_OPENCALLS_H
#define FNT_TAP_OPENCALLS_H

#include <fntrace/fntrace.h>

#include <sys/queue.h>

#define OPENCALLS_MAX 65536
#define OPENCALLS_BUCKETS 16384

/* An id or name in a message: `len` bytes, copied where they are kept. text NULL:
 * none. */
struct open_key {
	const char *text;
	size_t len;
};

/* A pending operation. */
struct open_op {
	TAILQ_ENTRY(open_op) of_call;
	LIST_ENTRY(open_op) by_id; /* this and the next only if it has an op_id */
	LIST_ENTRY(open_op) by_call_and_id;
	struct open_call *call;
	int64_t handle; /* from fnt_call_op_begin */
	enum fnt_op op;
	bool named; /* has an op_id */
	size_t id_len;
	char id[];
};

/* A nested call that `call` has requested. It exists until `call` gets the answer. */
struct open_wait {
	TAILQ_ENTRY(open_wait) of_call;
	TAILQ_ENTRY(open_wait) in_bucket; /* only until it is claimed */
	struct open_call *call;
	bool claimed;	    /* the nested call has begun */
	uint64_t args_hash; /* of the arguments that it is to get; 0: not known */
	size_t name_len;
	char name[];
};

TAILQ_HEAD(open_ops, open_op);
TAILQ_HEAD(open_waits, open_wait);

struct open_call {
	LIST_ENTRY(open_call) in_bucket;
	struct fnt_call *trace; /* NULL: could not be traced */
	struct open_ops ops;	/* those with an op_id, oldest first */
	struct open_ops nameless_ops;
	struct open_waits waits;
	char *user_id; /* inherited by its nested calls; NULL: none */
	char *tenant_id;
	uint64_t auth_hash; /* of what it may do; 0: not known */
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

/* Returns NULL if there is no memory. Once it is empty, free() frees it. */
struct opencalls *opencalls_create(void);

/* Abandon the traces of all open calls, and remove the calls with all that belongs to
 * them. Returns how many there were. */
uint64_t opencalls_clear(struct opencalls *open);

/* Find a call by its id. NULL: none. */
struct open_call *opencalls_find(struct opencalls *open, struct open_key call_id);

/* Add a call; there must be none with this id. NULL: the limit, or no memory. */
struct open_call *opencalls_add(struct opencalls *open, struct open_key call_id);

/* Remove and free a call with its operations and waits. The caller of this function
 * still owns call->trace, which it must have copied. */
void opencalls_remove(struct opencalls *open, struct open_call *call);

/* Find an operation of `call` by its id. NULL: none. */
struct open_op *opencalls_find_own_op(struct opencalls *open,
				      const struct open_call *call,
				      struct open_key op_id);

/* Add a pending operation. op_id.text NULL: it has no id; else the call must have none
 * with this id. NULL: the limit, or no memory. */
struct open_op *opencalls_add_op(struct opencalls *open, struct open_call *call,
				 struct open_key op_id);

/* Find an operation by its id: of `call`, else of any call. `call` may be NULL. NULL:
 * none. */
struct open_op *opencalls_find_op(struct opencalls *open, const struct open_call *call,
				  struct open_key op_id);

/* The oldest operation of `call` without an op_id. NULL: none. */
struct open_op *opencalls_first_op(const struct open_call *call);

/* Remove and free an operation. */
void opencalls_remove_op(struct opencalls *open, struct open_op *op);

/* Add that `call` waits for a nested call of fn_name. `args_hash`: see struct
 * open_wait. False: the limit, or no memory. */
bool opencalls_add_wait(struct opencalls *open, struct open_call *call,
			struct open_key fn_name, uint64_t args_hash);

/* A call of fn_name with these arguments and rights begins: claim the wait that it
 * answers and return the call that waits, its caller. Of several waits for the function
 * that is the one with the same arguments and whose call has the same rights, else one
 * with the same arguments, else any; the oldest of these. NULL: no call waits for
 * it. */
struct open_call *opencalls_claim_wait(struct opencalls *open, struct open_key fn_name,
				       uint64_t args_hash, uint64_t auth_hash);

/* `call` got the answer to a nested call: remove its oldest wait. False: it has
 * none. */
bool opencalls_end_wait(struct opencalls *open, struct open_call *call);

#endif
