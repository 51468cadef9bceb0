/* SPDX-License-Identifier: MIT */
#include "tap/requests.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a. Who chooses ids that collide slows down only its own tap, so the hash needs
 * no secret. */
static size_t
bucket_of(enum protocol_dir dir, const char *text, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)dir;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return (size_t)((hash ^ hash >> 32) % REQUESTS_BUCKETS);
}

struct request *
requests_find(struct requests *all, enum protocol_dir dir, const struct request_key *id)
{
	struct request *request;

	LIST_FOREACH(request, &all->by_id[bucket_of(dir, id->text, id->len)], by_id)
	{
		if (request->dir == dir && request->id_len == id->len &&
		    !memcmp(request->id, id->text, id->len))
			return request;
	}
	return NULL;
}

struct request *
requests_find_token(struct requests *all, enum protocol_dir dir,
		    const struct request_key *token)
{
	size_t bucket = bucket_of(dir, token->text, token->len);
	struct request *request;

	LIST_FOREACH(request, &all->by_token[bucket], by_token)
	{
		if (request->dir == dir && request->token_len == token->len &&
		    !memcmp(request->token, token->text, token->len))
			return request;
	}
	return NULL;
}

struct request *
requests_add(struct requests *all, enum protocol_dir dir, const struct request_key *id,
	     const struct request_key *token, struct request *parent)
{
	struct request *request;

	if (all->count == REQUESTS_MAX)
		return NULL;
	request = calloc(1, sizeof(*request) + id->len + 1 + token->len);
	if (!request)
		return NULL;
	request->dir = dir;
	request->op = -1;
	request->id_len = id->len;
	memcpy(request->id, id->text, id->len);
	request->token_len = token->len;
	request->token = request->id + id->len + 1;
	memcpy(request->token, token->text, token->len);
	LIST_INIT(&request->ops);
	LIST_INSERT_HEAD(&all->by_id[bucket_of(dir, id->text, id->len)], request,
			 by_id);
	if (token->len)
		LIST_INSERT_HEAD(
			&all->by_token[bucket_of(dir, token->text, token->len)],
			request, by_token);
	request->parent = parent;
	request->is_op = parent != NULL;
	LIST_INSERT_HEAD(parent ? &parent->ops : &all->calls[dir], request, among);
	all->count++;
	return request;
}

struct request *
requests_only_call(const struct requests *all, enum protocol_dir dir)
{
	struct request *request = LIST_FIRST(&all->calls[dir]);

	return request && !LIST_NEXT(request, among) ? request : NULL;
}

void
requests_remove(struct requests *all, struct request *request)
{
	struct request *op;

	while ((op = LIST_FIRST(&request->ops))) {
		LIST_REMOVE(op, among);
		op->parent = NULL;
	}
	LIST_REMOVE(request, by_id);
	if (request->token_len)
		LIST_REMOVE(request, by_token);
	if (request->parent || !request->is_op)
		LIST_REMOVE(request, among);
	free(request);
	all->count--;
}

uint64_t
requests_fini(struct requests *all)
{
	uint64_t calls = 0;

	for (size_t i = 0; i < REQUESTS_BUCKETS; i++) {
		struct request *request;

		while ((request = LIST_FIRST(&all->by_id[i]))) {
			struct fnt_call *trace = request->trace;

			calls += trace != NULL;
			requests_remove(all, request);
			fnt_call_abandon(trace);
		}
	}
	return calls;
}
