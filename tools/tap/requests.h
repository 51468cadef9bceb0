/* SPDX-License-Identifier: MIT
 *
 * requests.h: the JSON-RPC requests that have no answer yet, found by id or by progress
 * token.
 *
 *      direction, id ──────► struct request ──┬── a call of its own
 *      direction, token ───► struct request   └── or an op of another request's call
 *
 * Each direction has ids of its own (JSON-RPC 2.0, section 4: the id is chosen by who
 * asks), and the id 1 is not the id "1". Memory is bounded: there are at most
 * REQUESTS_MAX.
 *
 * Threads: one at a time. Nothing here blocks.
 */
#ifndef FNT_TAP_REQUESTS_H
#define FNT_TAP_REQUESTS_H

#include "tap/protocol.h"

#include <sys/queue.h>

#define REQUESTS_MAX 65536
#define REQUESTS_BUCKETS 4096
#define REQUEST_KEY_MAX 512 /* bytes of an id or token */

/* An id or token: its type and its text. len 0: none. */
struct request_key {
	size_t len;
	char text[REQUEST_KEY_MAX + 2];
};

LIST_HEAD(request_list, request);

struct request {
	LIST_ENTRY(request) by_id;
	LIST_ENTRY(request) by_token; /* only if token_len */
	/* Of its siblings: the calls of its direction, or the ops of its parent. */
	LIST_ENTRY(request) among;
	struct request *parent; /* whose call has this request as an op */
	bool is_op;		/* so it was, also when the parent has gone */
	struct request_list ops;
	struct fnt_call *trace; /* of a call of its own; NULL: could not be traced */
	int64_t op;		/* handle of an op of the parent's call, or of an op of
				 * its own call that lasts until the answer; -1: none */
	uint64_t params_bytes;
	enum protocol_dir dir;
	size_t token_len; /* 0: none */
	char *token;
	size_t id_len;
	char id[]; /* its type and its text; NUL-terminated */
};

struct requests {
	struct request_list by_id[REQUESTS_BUCKETS];
	struct request_list by_token[REQUESTS_BUCKETS];
	struct request_list calls[PROTOCOL_DIRS]; /* those that are no ops */
	uint32_t count;
};

/* Find by id or by token; NULL: none. `dir`: the direction of the request itself. */
struct request *requests_find(struct requests *all, enum protocol_dir dir,
			      const struct request_key *id);
struct request *requests_find_token(struct requests *all, enum protocol_dir dir,
				    const struct request_key *token);

/* Add a request; there must be none with this id. `token`: len 0 for none. `parent`:
 * whose call has it as an op; NULL: it is a call of its own. NULL: the limit, or no
 * memory. */
struct request *requests_add(struct requests *all, enum protocol_dir dir,
			     const struct request_key *id,
			     const struct request_key *token, struct request *parent);

/* The only request of `dir` that is a call of its own; NULL: there is none, or there
 * are several. */
struct request *requests_only_call(const struct requests *all, enum protocol_dir dir);

/* Remove and free a request. Those that are ops of its call lose their parent. The
 * caller still owns its trace. */
void requests_remove(struct requests *all, struct request *request);

/* Abandon the traces of all requests and free them. Returns how many were calls. */
uint64_t requests_fini(struct requests *all);

#endif
