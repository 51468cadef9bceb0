/* SPDX-License-Identifier: MIT */
#include "tap/jsonrpc.h"
#include "tap/framing.h"
#include "tap/jsonscan.h"
#include "tap/notices.h"
#include "tap/requests.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The members of a message that are read. */
enum field {
	JSONRPC,
	ID,
	METHOD,
	RESULT,
	IS_ERROR,
	CONTENT,
	CONTENT_ITEM,
	CONTENT_TEXT,
	ERROR,
	ERROR_CODE,
	ERROR_MESSAGE,
	PARAMS,
	PARAMS_NAME,
	PARAMS_URI,
	PARAMS_ID,
	PARAMS_TOKEN,
	WORK_TOKEN,
	PARTIAL_TOKEN,
	PROGRESS_TOKEN,
	REQUEST_ID,
	REASON,
	META,
	META_TRACEPARENT,
	META_TOKEN,
	FIELDS,
};

static const struct jsonscan_want wants[FIELDS] = {
	[JSONRPC] = {"jsonrpc", JSONSCAN_TOP, 8, false},
	[ID] = {"id", JSONSCAN_TOP, REQUEST_KEY_MAX, false},
	[METHOD] = {"method", JSONSCAN_TOP, JSONRPC_TEXT_MAX, false},
	[RESULT] = {"result", JSONSCAN_TOP, 0, true},
	[IS_ERROR] = {"isError", RESULT, 0, false},
	[CONTENT] = {"content", RESULT, 0, false},
	[CONTENT_ITEM] = {NULL, CONTENT, 0, false},
	[CONTENT_TEXT] = {"text", CONTENT_ITEM, JSONRPC_TEXT_MAX, false},
	[ERROR] = {"error", JSONSCAN_TOP, 0, false},
	[ERROR_CODE] = {"code", ERROR, 64, false},
	[ERROR_MESSAGE] = {"message", ERROR, JSONRPC_TEXT_MAX, false},
	[PARAMS] = {"params", JSONSCAN_TOP, 0, true},
	[PARAMS_NAME] = {"name", PARAMS, JSONRPC_TEXT_MAX, false},
	[PARAMS_URI] = {"uri", PARAMS, JSONRPC_TEXT_MAX, false},
	[PARAMS_ID] = {"id", PARAMS, REQUEST_KEY_MAX, false},
	[PARAMS_TOKEN] = {"token", PARAMS, REQUEST_KEY_MAX, false},
	[WORK_TOKEN] = {"workDoneToken", PARAMS, REQUEST_KEY_MAX, false},
	[PARTIAL_TOKEN] = {"partialResultToken", PARAMS, REQUEST_KEY_MAX, false},
	[PROGRESS_TOKEN] = {"progressToken", PARAMS, REQUEST_KEY_MAX, false},
	[REQUEST_ID] = {"requestId", PARAMS, REQUEST_KEY_MAX, false},
	[REASON] = {"reason", PARAMS, JSONRPC_TEXT_MAX, false},
	[META] = {"_meta", PARAMS, 0, false},
	[META_TRACEPARENT] = {"traceparent", META, 64, false},
	[META_TOKEN] = {"progressToken", META, REQUEST_KEY_MAX, false},
};

/* What a protocol made of JSON-RPC adds to it. */
struct dialect {
	enum framing_kind framing;
	const char *cancel;   /* the notification that cancels a request; NULL: none */
	enum field cancel_id; /* where it names the request */
	bool cancel_ends;     /* no answer comes */
	const char *progress; /* the notification of progress; NULL: none */
	enum field progress_token;
	enum field tokens[2]; /* where a request names its token */
	bool tools;	      /* MCP's names, types and failed tools */
};

struct jsonrpc {
	const struct dialect *dialect;
	struct fnt_log *log;
	struct jsonscan_want wants[FIELDS];
	struct framing framings[PROTOCOL_DIRS];
	struct jsonscan scans[PROTOCOL_DIRS];
	uint64_t message_bytes[PROTOCOL_DIRS]; /* of the current message, so far */
	bool keep_values;
	char traceparent[64]; /* of calls that name none; "": none */
	struct requests open;
	struct protocol_counts counts;
	struct notices notices;
};

/* What a message is. */
enum verdict {
	UNDERSTOOD = PROTOCOL_MESSAGES,
	NO_JSON = PROTOCOL_NO_JSON,
	NO_MESSAGE = PROTOCOL_NO_MESSAGE,
	UNMATCHED = PROTOCOL_UNMATCHED,
	OVER_LIMIT = PROTOCOL_OVER_LIMIT,
};

static void
count(struct jsonrpc *rpc, enum protocol_count what)
{
	rpc->counts.of[what]++;
}

/* ---- fields --------------------------------------------------------------------- */

/* The content of a string; NULL: the member is absent or not a string. */
static const char *
text_of(const struct jsonscan_field *field)
{
	return field->type == JSON_STRING ? field->text : NULL;
}

static bool
is_there(const struct jsonscan_field *field)
{
	return field->type != JSON_ABSENT && field->type != JSON_NULL;
}

/* The text of a number. A whole one is written in one way: 1 and 1.0 are the same. */
static int
number_text(char *text, size_t size, const struct jsonscan_field *field)
{
	double number = strtod(field->text, NULL);

	if (field->integer_exact)
		return snprintf(text, size, "%" PRId64, field->integer);
	if (number > -0x1p53 && number < 0x1p53 && number == (double)(int64_t)number)
		return snprintf(text, size, "%" PRId64, (int64_t)number);
	return snprintf(text, size, "%s", field->text);
}

/* The key of an id or token. Its len is 0 if there is none, or if it is too long. */
static void
make_key(struct request_key *key, const struct jsonscan_field *field)
{
	bool number = field->type == JSON_NUMBER;
	size_t size = sizeof(key->text) - 1;
	int len;

	key->len = 0;
	if ((!number && field->type != JSON_STRING) || field->text_cut || !field->text)
		return;
	key->text[0] = number ? '#' : '"';
	len = number ? number_text(key->text + 1, size, field)
		     : snprintf(key->text + 1, size, "%s", field->text);
	if (len >= 0 && (size_t)len < size)
		key->len = (size_t)len + 1;
}

/* ---- calls ---------------------------------------------------------------------- */

static bool
is_one_of(const char *method, const char *const *words)
{
	while (*words && strcmp(*words, method) != 0)
		words++;
	return *words != NULL;
}

/* Requests that only read are queries; others may do anything. */
static enum fnt_fn_type
fn_type_of(const struct jsonrpc *rpc, const char *method)
{
	static const char *const acting[] = {
		"tools/call",
		"sampling/createMessage",
		"elicitation/create",
		"workspace/executeCommand",
		"workspace/applyEdit",
		"initialize",
		"shutdown",
		"logging/setLevel",
		NULL,
	};

	return rpc->dialect->framing == FRAMING_AUTO || is_one_of(method, acting)
		       ? FNT_ACTION
		       : FNT_QUERY;
}

static void
begin_call(struct jsonrpc *rpc, struct request *request,
	   const struct jsonscan_field *fields)
{
	static const char *const named[] = {"tools/call", "prompts/get", NULL};
	const char *method = text_of(&fields[METHOD]);
	const char *name = text_of(&fields[PARAMS_NAME]);
	char fn_name[2 * JSONRPC_TEXT_MAX + 2];
	struct fnt_call_info info = {
		.call_id = request->id + 1,
		.fn_name = method,
		.fn_type = fn_type_of(rpc, method),
		.traceparent = text_of(&fields[META_TRACEPARENT]),
	};

	if (!info.traceparent)
		info.traceparent = rpc->traceparent;
	if (rpc->dialect->tools && name && is_one_of(method, named)) {
		snprintf(fn_name, sizeof(fn_name), "%s %s", method, name);
		info.fn_name = fn_name;
	}
	request->trace = fnt_call_begin(rpc->log, &info);
	count(rpc, PROTOCOL_CALLS);
	if (rpc->dialect->tools && !strcmp(method, "resources/read") &&
	    text_of(&fields[PARAMS_URI])) {
		request->op = fnt_call_op_begin(request->trace, FNT_OP_GET, "resource",
						text_of(&fields[PARAMS_URI]));
		count(rpc, PROTOCOL_OPS);
	}
}

/* The request's call ends with a result. */
static void
finish_ok(struct jsonrpc *rpc, const struct request *request,
	  const struct jsonscan_field *fields)
{
	const struct jsonscan_field *result = &fields[RESULT];
	struct fnt_value value = {FNT_VALUE_JSON, result->text, result->len};
	char sizes[96];

	if (!rpc->keep_values) {
		value.data = sizes;
		value.len = (size_t)snprintf(sizes, sizeof(sizes),
					     "{\"params_bytes\":%" PRIu64
					     ",\"result_bytes\":%" PRIu64 "}",
					     request->params_bytes, result->len);
	} else if (result->text_cut) {
		value.data = NULL; /* recorded as left out */
	}
	fnt_call_finish_ok(request->trace, &value);
}

static void
finish_call(struct jsonrpc *rpc, const struct request *request,
	    const struct jsonscan_field *fields)
{
	bool failed = is_there(&fields[ERROR]);
	bool failed_tool = rpc->dialect->tools && fields[IS_ERROR].type == JSON_TRUE;

	if (request->op >= 0)
		fnt_call_op_end(request->trace, request->op, failed ? FNT_NONE : 1,
				!failed);
	if (failed)
		fnt_call_finish_error(request->trace, fields[ERROR_CODE].text,
				      text_of(&fields[ERROR_MESSAGE]));
	else if (failed_tool)
		fnt_call_finish_error(request->trace, "isError",
				      text_of(&fields[CONTENT_TEXT]));
	else
		finish_ok(rpc, request, fields);
}

/* The call whose op a request is, or its own; NULL: none. */
static struct fnt_call *
trace_of(const struct request *request)
{
	return request->is_op ? (request->parent ? request->parent->trace : NULL)
			      : request->trace;
}

/* An id is used again while its request is open: the older one gets no answer. */
static void
drop(struct jsonrpc *rpc, struct request *request)
{
	if (request->is_op)
		fnt_call_op_end(trace_of(request), request->op, FNT_NONE, false);
	else
		fnt_call_abandon(request->trace);
	if (!request->is_op)
		count(rpc, PROTOCOL_ABORTED);
	count(rpc, PROTOCOL_ID_IN_USE);
	requests_remove(&rpc->open, request);
}

/* ---- messages ------------------------------------------------------------------- */

static void
find_token(const struct jsonrpc *rpc, const struct jsonscan_field *fields,
	   struct request_key *token)
{
	token->len = 0;
	for (int i = 0; rpc->dialect->progress && i < 2 && !token->len; i++)
		make_key(token, &fields[rpc->dialect->tokens[i]]);
}

static enum verdict
take_request(struct jsonrpc *rpc, enum protocol_dir dir,
	     const struct jsonscan_field *fields, const struct request_key *id)
{
	struct request *older = requests_find(&rpc->open, dir, id), *parent = NULL;
	struct request *request;
	struct request_key token;

	if (older)
		drop(rpc, older);
	if (dir == PROTOCOL_TO_HOST)
		parent = requests_only_call(&rpc->open, PROTOCOL_TO_FN);
	find_token(rpc, fields, &token);
	request = requests_add(&rpc->open, dir, id, &token, parent);
	if (!request)
		return OVER_LIMIT;
	request->params_bytes = fields[PARAMS].len;
	if (!parent) {
		begin_call(rpc, request, fields);
		return UNDERSTOOD;
	}
	request->op = fnt_call_op_begin_as(parent->trace, "request",
					   text_of(&fields[METHOD]), request->id + 1);
	count(rpc, PROTOCOL_OPS);
	return UNDERSTOOD;
}

static enum verdict
take_response(struct jsonrpc *rpc, enum protocol_dir dir,
	      const struct jsonscan_field *fields, const struct request_key *id)
{
	enum protocol_dir asked =
		dir == PROTOCOL_TO_FN ? PROTOCOL_TO_HOST : PROTOCOL_TO_FN;
	struct request *request = requests_find(&rpc->open, asked, id);

	if (!request)
		return UNMATCHED;
	if (request->is_op)
		fnt_call_op_end(trace_of(request), request->op, FNT_NONE,
				!is_there(&fields[ERROR]));
	else
		finish_call(rpc, request, fields);
	requests_remove(&rpc->open, request);
	return UNDERSTOOD;
}

static enum verdict
take_cancel(struct jsonrpc *rpc, enum protocol_dir dir,
	    const struct jsonscan_field *fields)
{
	struct request *request;
	struct request_key id;

	make_key(&id, &fields[rpc->dialect->cancel_id]);
	request = id.len ? requests_find(&rpc->open, dir, &id) : NULL;
	if (!request)
		return UNMATCHED;
	if (!rpc->dialect->cancel_ends)
		return UNDERSTOOD;
	if (request->is_op)
		fnt_call_op_end(trace_of(request), request->op, FNT_NONE, false);
	else
		fnt_call_finish_error(request->trace, "CANCELLED",
				      text_of(&fields[REASON]));
	requests_remove(&rpc->open, request);
	return UNDERSTOOD;
}

/* Progress of a request that came the other way. A token that no request has named is
 * one of the server's own. */
static void
take_progress(struct jsonrpc *rpc, enum protocol_dir dir,
	      const struct jsonscan_field *fields)
{
	enum protocol_dir asked =
		dir == PROTOCOL_TO_FN ? PROTOCOL_TO_HOST : PROTOCOL_TO_FN;
	struct request *request;
	struct request_key token;

	make_key(&token, &fields[rpc->dialect->progress_token]);
	request = token.len ? requests_find_token(&rpc->open, asked, &token) : NULL;
	if (request)
		fnt_call_stream_chunk(trace_of(request), rpc->message_bytes[dir]);
}

static enum verdict
take_notification(struct jsonrpc *rpc, enum protocol_dir dir,
		  const struct jsonscan_field *fields)
{
	const struct dialect *dialect = rpc->dialect;
	const char *method = text_of(&fields[METHOD]);

	notices_count(&rpc->notices, method);
	if (dialect->cancel && !strcmp(method, dialect->cancel))
		return take_cancel(rpc, dir, fields);
	if (dialect->progress && !strcmp(method, dialect->progress))
		take_progress(rpc, dir, fields);
	return UNDERSTOOD;
}

static enum verdict
take_message(struct jsonrpc *rpc, enum protocol_dir dir,
	     const struct jsonscan_field *fields)
{
	const char *version = text_of(&fields[JSONRPC]);
	struct request_key id;

	if (!version || strcmp(version, "2.0") != 0)
		return NO_MESSAGE;
	make_key(&id, &fields[ID]);
	if (text_of(&fields[METHOD])) {
		if (is_there(&fields[ID]))
			return id.len ? take_request(rpc, dir, fields, &id)
				      : OVER_LIMIT;
		return take_notification(rpc, dir, fields);
	}
	if (fields[RESULT].type == JSON_ABSENT && !is_there(&fields[ERROR]))
		return NO_MESSAGE;
	return id.len ? take_response(rpc, dir, fields, &id) : UNMATCHED;
}

/* ---- the stream ----------------------------------------------------------------- */

static void
take_piece(struct jsonrpc *rpc, enum protocol_dir dir,
	   const struct framing_piece *piece)
{
	struct jsonscan *scan = &rpc->scans[dir];
	enum verdict verdict = NO_JSON;

	if (piece->len) {
		jsonscan_feed(scan, piece->text, piece->len);
		rpc->message_bytes[dir] += piece->len;
	}
	if (!piece->end && !piece->bad)
		return;
	if (piece->end && jsonscan_end(scan))
		verdict = take_message(rpc, dir, scan->fields);
	count(rpc, (enum protocol_count)verdict);
	if (scan->too_deep)
		count(rpc, PROTOCOL_TOO_DEEP);
	if (verdict == UNMATCHED || verdict == OVER_LIMIT)
		count(rpc, PROTOCOL_MESSAGES);
	jsonscan_reset(scan);
	rpc->message_bytes[dir] = 0;
}

static void
jsonrpc_feed(void *state, const struct protocol_piece *piece)
{
	struct jsonrpc *rpc = state;
	const char *bytes = piece->bytes, *end = bytes + piece->len;
	struct framing_piece part;

	while (bytes < end) {
		bytes += framing_next(&rpc->framings[piece->dir], bytes,
				      (size_t)(end - bytes), &part);
		take_piece(rpc, piece->dir, &part);
	}
}

static void
jsonrpc_eof(void *state, enum protocol_dir dir)
{
	struct jsonrpc *rpc = state;
	struct framing_piece piece;

	framing_end(&rpc->framings[dir], &piece);
	take_piece(rpc, dir, &piece);
}

static void
jsonrpc_finish(void *state)
{
	struct jsonrpc *rpc = state;

	rpc->counts.of[PROTOCOL_ABORTED] += requests_fini(&rpc->open);
}

static const struct protocol_counts *
jsonrpc_counts(const void *state)
{
	return &((const struct jsonrpc *)state)->counts;
}

static void
jsonrpc_notices(const void *state, char *text, size_t size)
{
	notices_text(&((const struct jsonrpc *)state)->notices, text, size);
}

static void
jsonrpc_destroy(void *state)
{
	struct jsonrpc *rpc = state;

	for (int dir = 0; dir < PROTOCOL_DIRS; dir++)
		jsonscan_fini(&rpc->scans[dir]);
	free(rpc);
}

static void *
create(const struct protocol_setup *setup, const struct dialect *dialect)
{
	struct jsonrpc *rpc = calloc(1, sizeof(*rpc));
	bool made = true;

	if (!rpc)
		return NULL;
	rpc->log = setup->log;
	rpc->keep_values = setup->keep_values;
	if (setup->traceparent)
		snprintf(rpc->traceparent, sizeof(rpc->traceparent), "%s",
			 setup->traceparent);
	rpc->dialect = dialect;
	memcpy(rpc->wants, wants, sizeof(wants));
	if (rpc->keep_values)
		rpc->wants[RESULT].keep_max = JSONRPC_VALUE_MAX;
	for (int dir = 0; made && dir < PROTOCOL_DIRS; dir++) {
		rpc->framings[dir].kind = dialect->framing;
		made = jsonscan_init(&rpc->scans[dir], rpc->wants, FIELDS) == 0;
	}
	if (made)
		return rpc;
	jsonrpc_destroy(rpc);
	return NULL;
}

/* ---- the protocols -------------------------------------------------------------- */

static void *
create_jsonrpc(const struct protocol_setup *setup)
{
	static const struct dialect dialect = {.framing = FRAMING_AUTO};

	return create(setup, &dialect);
}

/* Model Context Protocol, versions 2024-11-05 to 2025-11-25: lines (transports), and
 * notifications/cancelled and notifications/progress (utilities). */
static void *
create_mcp(const struct protocol_setup *setup)
{
	static const struct dialect dialect = {
		.framing = FRAMING_LINES,
		.cancel = "notifications/cancelled",
		.cancel_id = REQUEST_ID,
		.cancel_ends = true,
		.progress = "notifications/progress",
		.progress_token = PROGRESS_TOKEN,
		.tokens = {META_TOKEN, META_TOKEN},
		.tools = true,
	};

	return create(setup, &dialect);
}

/* Language Server Protocol 3.17: base protocol, $/cancelRequest and $/progress. */
static void *
create_lsp(const struct protocol_setup *setup)
{
	static const struct dialect dialect = {
		.framing = FRAMING_HEADERS,
		.cancel = "$/cancelRequest",
		.cancel_id = PARAMS_ID,
		.progress = "$/progress",
		.progress_token = PARAMS_TOKEN,
		.tokens = {WORK_TOKEN, PARTIAL_TOKEN},
	};

	return create(setup, &dialect);
}

const struct protocol jsonrpc_protocol = {
	.name = "jsonrpc",
	.create = create_jsonrpc,
	.feed = jsonrpc_feed,
	.eof = jsonrpc_eof,
	.finish = jsonrpc_finish,
	.counts = jsonrpc_counts,
	.notices = jsonrpc_notices,
	.destroy = jsonrpc_destroy,
};

const struct protocol mcp_protocol = {
	.name = "mcp",
	.create = create_mcp,
	.feed = jsonrpc_feed,
	.eof = jsonrpc_eof,
	.finish = jsonrpc_finish,
	.counts = jsonrpc_counts,
	.notices = jsonrpc_notices,
	.destroy = jsonrpc_destroy,
};

const struct protocol lsp_protocol = {
	.name = "lsp",
	.create = create_lsp,
	.feed = jsonrpc_feed,
	.eof = jsonrpc_eof,
	.finish = jsonrpc_finish,
	.counts = jsonrpc_counts,
	.notices = jsonrpc_notices,
	.destroy = jsonrpc_destroy,
};
