/* SPDX-License-Identifier: MIT
 *
 * request.h: a request to run a function: its name, arguments, user and caller.
 */
#ifndef RUNTIME_REQUEST_H
#define RUNTIME_REQUEST_H

#include "wire.h"

#define REQUEST_ARGS 4u

struct request_arg {
	char name[16];
	char text[64];
};

struct request {
	char call_id[32];
	char fn_name[32];
	char user_id[16];     /* "": none */
	char tenant_id[16];   /* "": none */
	char traceparent[56]; /* of the caller or scheduler; "": none */
	struct request_arg args[REQUEST_ARGS];
	size_t arg_count;
};

/* Set the function's name; all else is empty. */
void request_init(struct request *request, const char *fn_name);

/* Add an argument. It is a bug to add more than REQUEST_ARGS, or a longer text than
 * fits. */
void request_add(struct request *request, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The argument's text; NULL: there is none of that name. */
const char *request_arg(const struct request *request, const char *name);

/* Append a request to a message, and read one from its field `at` on. Reading returns 0
 * or -EPROTO if it is not a request. */
void request_pack(const struct request *request, struct wire *wire);
int request_unpack(struct request *request, const struct wire *wire, size_t at);

#endif
