/* SPDX-License-Identifier: MIT
 *
 * call.h: runs one function: checks its arguments, holds its transaction, traces it.
 */
#ifndef RUNTIME_CALL_H
#define RUNTIME_CALL_H

#include "db.h"
#include "fn.h"

#include <fntrace/fntrace.h>

/* What the calls of one worker share. */
struct host {
	struct db db;
	struct fnt_log *log;
	int parent_fd;
	uint64_t calls_run; /* nested ones too */
	struct wire wire;   /* for what goes to the parent */
};

struct ctx {
	struct host *host;
	const struct fn *fn;
	const struct request *request;
	struct fnt_call *call;
	struct arena arena;
	struct json result;
	const char *code; /* NULL: nothing has failed */
	const char *message;
	unsigned nested; /* calls begun by this one */
};

struct call_outcome {
	const char *status; /* "ok", "error", "rolled_back" */
	const char *value;  /* JSON, of ok */
	const char *code, *message;
};

/* Run `request`; what `outcome` points to is in `arena`. `parent`: the call that calls
 * it here and now, NULL for none. */
void call_run(struct host *host, const struct request *request, struct ctx *parent,
	      struct arena *arena, struct call_outcome *outcome);

#endif
