/* SPDX-License-Identifier: MIT
 *
 * call.h: runs one function: checks its arguments, opens and ends its transaction, and
 * records the call with fntrace.
 */
#ifndef RUNTIME_CALL_H
#define RUNTIME_CALL_H

#include "db.h"
#include "fn.h"

#include <fntrace/fntrace.h>

/* Shared by the calls of one worker. */
struct host {
	struct db db;
	struct fnt_log *log;
	int parent_fd;
	uint64_t calls_run; /* nested calls included */
	struct wire wire;   /* messages to and from the parent */
};

/* A call that runs. */
struct ctx {
	struct host *host;
	const struct fn *fn;
	const struct request *request;
	struct fnt_call *call;
	struct arena arena;
	struct json result;
	const char *code; /* of the first failure; NULL: none */
	const char *message;
	unsigned nested; /* calls that this one has made */
};

struct call_outcome {
	const char *status; /* "ok", "error", "rolled_back" */
	const char *value;  /* JSON; only if ok */
	const char *code, *message;
};

/* Run `request`. The strings of `outcome` are allocated in `arena`. `parent`: the call
 * in this process that makes it; NULL: none. */
void call_run(struct host *host, const struct request *request, struct ctx *parent,
	      struct arena *arena, struct call_outcome *outcome);

#endif
