/* SPDX-License-Identifier: MIT
 *
 * request.h: one function to be run: which, for whom, with what, and on whose account.
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
	char traceparent[56]; /* of the call that made or scheduled this one; "": none
			       */
	struct request_arg args[REQUEST_ARGS];
	size_t arg_count;
};

void request_init(struct request *request, const char *fn_name);

/* One argument more; more of them, or longer ones, than fit are a bug of the caller. */
void request_add(struct request *request, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The argument's text, NULL where there is none. */
const char *request_arg(const struct request *request, const char *name);

/* Append to a message; read from field `at` on. -EPROTO for what is no request. */
void request_pack(const struct request *request, struct wire *wire);
int request_unpack(struct request *request, const struct wire *wire, size_t at);

#endif
