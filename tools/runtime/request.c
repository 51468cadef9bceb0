/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIXED_FIELDS 5u /* before the arguments */

void
request_init(struct request *request, const char *fn_name)
{
	memset(request, 0, sizeof(*request));
	snprintf(request->fn_name, sizeof(request->fn_name), "%s", fn_name);
}

void
request_add(struct request *request, const char *name, const char *format, ...)
{
	struct request_arg *arg = &request->args[request->arg_count];
	va_list args;
	int len;

	assert(request->arg_count < REQUEST_ARGS);
	snprintf(arg->name, sizeof(arg->name), "%s", name);
	va_start(args, format);
	len = vsnprintf(arg->text, sizeof(arg->text), format, args);
	va_end(args);
	assert(len >= 0 && (size_t)len < sizeof(arg->text));
	(void)len;
	request->arg_count++;
}

const char *
request_arg(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->arg_count; i++) {
		if (!strcmp(request->args[i].name, name))
			return request->args[i].text;
	}
	return NULL;
}

void
request_pack(const struct request *request, struct wire *wire)
{
	wire_add(wire, request->call_id);
	wire_add(wire, request->fn_name);
	wire_add(wire, request->user_id);
	wire_add(wire, request->tenant_id);
	wire_add(wire, request->traceparent);
	for (size_t i = 0; i < request->arg_count; i++) {
		wire_add(wire, request->args[i].name);
		wire_add(wire, request->args[i].text);
	}
}

static int
take(char *to, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size)
		return -EPROTO;
	memcpy(to, text, len + 1);
	return 0;
}

static int
take_args(struct request *request, const struct wire *wire, size_t at)
{
	for (; at + 1 < wire->count; at += 2) {
		struct request_arg *arg = &request->args[request->arg_count];

		if (request->arg_count == REQUEST_ARGS ||
		    take(arg->name, sizeof(arg->name), wire->field[at]) ||
		    take(arg->text, sizeof(arg->text), wire->field[at + 1]))
			return -EPROTO;
		request->arg_count++;
	}
	return at == wire->count ? 0 : -EPROTO;
}

int
request_unpack(struct request *request, const struct wire *wire, size_t at)
{
	memset(request, 0, sizeof(*request));
	if (wire->count < at + FIXED_FIELDS ||
	    take(request->call_id, sizeof(request->call_id), wire->field[at]) ||
	    take(request->fn_name, sizeof(request->fn_name), wire->field[at + 1]) ||
	    take(request->user_id, sizeof(request->user_id), wire->field[at + 2]) ||
	    take(request->tenant_id, sizeof(request->tenant_id), wire->field[at + 3]) ||
	    take(request->traceparent, sizeof(request->traceparent),
		 wire->field[at + 4]))
		return -EPROTO;
	return take_args(request, wire, at + FIXED_FIELDS);
}
