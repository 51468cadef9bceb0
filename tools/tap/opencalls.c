/* SPDX-License-Identifier: MIT */
#include "tap/opencalls.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a. A runtime can choose ids that collide, but slows down only its own tap by it,
 * so the hash needs no key. */
static size_t
bucket_of(struct open_key key)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.text[i]) * UINT64_C(0x100000001b3);
	return (size_t)((hash ^ hash >> 32) % OPENCALLS_BUCKETS);
}

/* Hash of op_id and the call's address. */
static size_t
bucket_in_call(const struct open_call *call, struct open_key key)
{
	return (bucket_of(key) + (uintptr_t)call / 64 * 31) % OPENCALLS_BUCKETS;
}

static bool
same(struct open_key key, const char *text, size_t len)
{
	return key.len == len && !memcmp(key.text, text, len);
}

struct opencalls *
opencalls_create(void)
{
	struct opencalls *open = calloc(1, sizeof(*open));

	for (int i = 0; open && i < OPENCALLS_BUCKETS; i++)
		TAILQ_INIT(&open->waits[i]);
	return open;
}

uint64_t
opencalls_clear(struct opencalls *open)
{
	uint64_t abandoned = 0;

	for (int i = 0; i < OPENCALLS_BUCKETS; i++) {
		struct open_call *call;

		while ((call = LIST_FIRST(&open->calls[i]))) {
			struct fnt_call *trace = call->trace;

			opencalls_remove(open, call);
			fnt_call_abandon(trace);
			abandoned++;
		}
	}
	return abandoned;
}

struct open_call *
opencalls_find(struct opencalls *open, struct open_key call_id)
{
	struct open_call *call;

	LIST_FOREACH(call, &open->calls[bucket_of(call_id)], in_bucket)
	{
		if (same(call_id, call->id, call->id_len))
			return call;
	}
	return NULL;
}

struct open_call *
opencalls_add(struct opencalls *open, struct open_key call_id)
{
	struct open_call *call;

	if (open->call_count == OPENCALLS_MAX)
		return NULL;
	call = calloc(1, sizeof(*call) + call_id.len);
	if (!call)
		return NULL;
	TAILQ_INIT(&call->ops);
	TAILQ_INIT(&call->nameless_ops);
	TAILQ_INIT(&call->waits);
	memcpy(call->id, call_id.text, call_id.len);
	call->id_len = call_id.len;
	LIST_INSERT_HEAD(&open->calls[bucket_of(call_id)], call, in_bucket);
	open->call_count++;
	return call;
}

static void
remove_wait(struct opencalls *open, struct open_wait *wait)
{
	struct open_key name = {wait->name, wait->name_len};

	if (!wait->claimed)
		TAILQ_REMOVE(&open->waits[bucket_of(name)], wait, in_bucket);
	TAILQ_REMOVE(&wait->call->waits, wait, of_call);
	open->wait_count--;
	free(wait);
}

void
opencalls_remove(struct opencalls *open, struct open_call *call)
{
	struct open_op *op;
	struct open_wait *wait;

	while ((op = TAILQ_FIRST(&call->ops)) ||
	       (op = TAILQ_FIRST(&call->nameless_ops)))
		opencalls_remove_op(open, op);
	while ((wait = TAILQ_FIRST(&call->waits)))
		remove_wait(open, wait);
	LIST_REMOVE(call, in_bucket);
	open->call_count--;
	free(call->user_id);
	free(call->tenant_id);
	free(call);
}

struct open_op *
opencalls_find_own_op(struct opencalls *open, const struct open_call *call,
		      struct open_key op_id)
{
	struct open_op *op;

	LIST_FOREACH(op, &open->ops_of_call[bucket_in_call(call, op_id)],
		     by_call_and_id)
	{
		if (op->call == call && same(op_id, op->id, op->id_len))
			return op;
	}
	return NULL;
}

struct open_op *
opencalls_add_op(struct opencalls *open, struct open_call *call, struct open_key op_id)
{
	struct open_op *op;

	if (open->op_count == OPENCALLS_MAX)
		return NULL;
	op = calloc(1, sizeof(*op) + op_id.len);
	if (!op)
		return NULL;
	op->call = call;
	if (op_id.text) {
		op->named = true;
		op->id_len = op_id.len;
		memcpy(op->id, op_id.text, op_id.len);
		LIST_INSERT_HEAD(&open->ops[bucket_of(op_id)], op, by_id);
		LIST_INSERT_HEAD(&open->ops_of_call[bucket_in_call(call, op_id)], op,
				 by_call_and_id);
	}
	TAILQ_INSERT_TAIL(op->named ? &call->ops : &call->nameless_ops, op, of_call);
	open->op_count++;
	return op;
}

struct open_op *
opencalls_find_op(struct opencalls *open, const struct open_call *call,
		  struct open_key op_id)
{
	struct open_op *op = call ? opencalls_find_own_op(open, call, op_id) : NULL;

	if (op)
		return op;
	LIST_FOREACH(op, &open->ops[bucket_of(op_id)], by_id)
	{
		if (same(op_id, op->id, op->id_len))
			return op;
	}
	return NULL;
}

struct open_op *
opencalls_first_op(const struct open_call *call)
{
	return TAILQ_FIRST(&call->nameless_ops);
}

void
opencalls_remove_op(struct opencalls *open, struct open_op *op)
{
	if (op->named) {
		LIST_REMOVE(op, by_id);
		LIST_REMOVE(op, by_call_and_id);
	}
	TAILQ_REMOVE(op->named ? &op->call->ops : &op->call->nameless_ops, op, of_call);
	open->op_count--;
	free(op);
}

bool
opencalls_add_wait(struct opencalls *open, struct open_call *call,
		   struct open_key fn_name, uint64_t args_hash)
{
	struct open_wait *wait;

	if (open->wait_count == OPENCALLS_MAX)
		return false;
	wait = calloc(1, sizeof(*wait) + fn_name.len);
	if (!wait)
		return false;
	wait->call = call;
	wait->args_hash = args_hash;
	wait->name_len = fn_name.len;
	memcpy(wait->name, fn_name.text, fn_name.len);
	TAILQ_INSERT_TAIL(&open->waits[bucket_of(fn_name)], wait, in_bucket);
	TAILQ_INSERT_TAIL(&call->waits, wait, of_call);
	open->wait_count++;
	return true;
}

/* How much a wait is like a call that begins: 1 to 3. */
static int
likeness(const struct open_wait *wait, uint64_t args_hash, uint64_t auth_hash)
{
	if (wait->args_hash != args_hash)
		return 1;
	return wait->call->auth_hash == auth_hash ? 3 : 2;
}

struct open_call *
opencalls_claim_wait(struct opencalls *open, struct open_key fn_name,
		     uint64_t args_hash, uint64_t auth_hash)
{
	struct open_waits *bucket = &open->waits[bucket_of(fn_name)];
	struct open_wait *wait, *best = NULL;
	int most = 0;

	TAILQ_FOREACH(wait, bucket, in_bucket)
	{
		int like;

		if (!same(fn_name, wait->name, wait->name_len))
			continue;
		like = likeness(wait, args_hash, auth_hash);
		if (like > most) {
			best = wait;
			most = like;
		}
		if (most == 3)
			break;
	}
	if (!best)
		return NULL;
	TAILQ_REMOVE(bucket, best, in_bucket);
	best->claimed = true;
	return best->call;
}

bool
opencalls_end_wait(struct opencalls *open, struct open_call *call)
{
	struct open_wait *wait = TAILQ_FIRST(&call->waits);

	if (!wait)
		return false;
	remove_wait(open, wait);
	return true;
}
