/* SPDX-License-Identifier: MIT */
#include "tap/pylon.h"
#include "tap/jsonscan.h"
#include "tap/opencalls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The members of a message that are read. */
enum field {
	TYPE,
	CALL_ID,
	OP_ID,
	FN_NAME,
	FN_TYPE,
	AUTH,
	USER_ID,
	TENANT_ID,
	REQUEST,
	OP,
	ENTITY,
	ID,
	DATA,
	PAGE,
	HITS,
	ERROR,
	VALUE,
	CODE,
	MESSAGE,
	DELAY_MS,
	RUN_AT,
	FIELDS,
};

#define WORD_MAX 32 /* longer than any type, op or fn_type */

static const struct jsonscan_want wants[FIELDS] = {
	[TYPE] = {"type", JSONSCAN_TOP, WORD_MAX, false},
	[CALL_ID] = {"call_id", JSONSCAN_TOP, PYLON_ID_MAX, false},
	[OP_ID] = {"op_id", JSONSCAN_TOP, PYLON_ID_MAX, false},
	[FN_NAME] = {"fn_name", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[FN_TYPE] = {"fn_type", JSONSCAN_TOP, WORD_MAX, false},
	[AUTH] = {"auth", JSONSCAN_TOP, 0, false},
	[USER_ID] = {"user_id", AUTH, PYLON_TEXT_MAX, false},
	[TENANT_ID] = {"tenant_id", AUTH, PYLON_TEXT_MAX, false},
	[REQUEST] = {"request", JSONSCAN_TOP, 0, false},
	[OP] = {"op", JSONSCAN_TOP, WORD_MAX, false},
	[ENTITY] = {"entity", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[ID] = {"id", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[DATA] = {"data", JSONSCAN_TOP, 0, false},
	[PAGE] = {"page", DATA, 0, false},
	[HITS] = {"hits", DATA, 0, false},
	[ERROR] = {"error", JSONSCAN_TOP, 0, false},
	[VALUE] = {"value", JSONSCAN_TOP, PYLON_VALUE_MAX, true},
	[CODE] = {"code", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[MESSAGE] = {"message", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[DELAY_MS] = {"delay_ms", JSONSCAN_TOP, 0, false},
	[RUN_AT] = {"run_at", JSONSCAN_TOP, 0, false},
};

struct pylon {
	struct fnt_log *log;
	struct opencalls *open;
	char traceparent[64]; /* of calls without a caller; "": none */
	struct jsonscan scans[PROTOCOL_DIRS];
	bool in_line[PROTOCOL_DIRS]; /* there were bytes since the last newline */
	struct protocol_counts counts;
};

/* What a line is. */
enum verdict {
	UNDERSTOOD = PROTOCOL_MESSAGES,
	NO_JSON = PROTOCOL_NO_JSON,
	NO_MESSAGE = PROTOCOL_NO_MESSAGE,
	UNMATCHED = PROTOCOL_UNMATCHED,
	OVER_LIMIT = PROTOCOL_OVER_LIMIT,
};

static void
count(struct pylon *pylon, enum protocol_count what)
{
	pylon->counts.of[what]++;
}

/* ---- fields --------------------------------------------------------------------- */

/* The content of a string; NULL: the member is absent or not a string. */
static const char *
text_of(const struct jsonscan_field *field)
{
	return field->type == JSON_STRING ? field->text : NULL;
}

static struct open_key
key_of(const struct jsonscan_field *field)
{
	return (struct open_key){text_of(field), field->text_len};
}

static bool
is_there(const struct jsonscan_field *field)
{
	return field->type != JSON_ABSENT && field->type != JSON_NULL;
}

static int64_t
integer_of(const struct jsonscan_field *field)
{
	return field->integer_known ? field->integer : FNT_NONE;
}

/* The open call that a message is about; NULL: none. */
static struct open_call *
call_of(struct pylon *pylon, const struct jsonscan_field *fields)
{
	if (!text_of(&fields[CALL_ID]) || fields[CALL_ID].text_cut)
		return NULL;
	return opencalls_find(pylon->open, key_of(&fields[CALL_ID]));
}

/* ---- host to functions ---------------------------------------------------------- */

/* A copy of the user or tenant id for the nested calls of this one: its own, else its
 * caller's. Cut at PYLON_ID_MAX to bound the memory of many calls. NULL: none. */
static char *
inherit(const struct jsonscan_field *field, const char *of_parent)
{
	const char *own = text_of(field);

	if (!own)
		own = of_parent;
	return own ? strndup(own, PYLON_ID_MAX) : NULL;
}

static void
begin_trace(struct pylon *pylon, struct open_call *call, const struct open_call *parent,
	    const struct jsonscan_field *fields)
{
	const char *user_id = text_of(&fields[USER_ID]);
	const char *tenant_id = text_of(&fields[TENANT_ID]);
	const char *fn_type = text_of(&fields[FN_TYPE]);
	struct fnt_call_info info = {
		.call_id = text_of(&fields[CALL_ID]),
		.fn_name = text_of(&fields[FN_NAME]),
		.fn_type = FNT_ACTION,
		.user_id = user_id ? user_id : call->user_id,
		.tenant_id = tenant_id ? tenant_id : call->tenant_id,
		.parent = parent ? parent->trace : NULL,
		.traceparent = pylon->traceparent,
	};
	int type = fn_type ? fnt_fn_type_parse(fn_type, strlen(fn_type)) : -1;

	/* A function of an unknown type is recorded as an action, which may do
	 * anything. */
	if (type >= 0)
		info.fn_type = (enum fnt_fn_type)type;
	call->trace = fnt_call_begin(pylon->log, &info);
}

static enum verdict
take_call(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = call_of(pylon, fields), *parent = NULL;

	if (!text_of(&fields[CALL_ID]) || !text_of(&fields[FN_NAME]))
		return NO_MESSAGE;
	if (call) {
		struct fnt_call *older = call->trace;

		opencalls_remove(pylon->open, call);
		fnt_call_abandon(older);
		count(pylon, PROTOCOL_ABORTED);
		count(pylon, PROTOCOL_ID_IN_USE);
	}
	/* A call with a request comes from a client, one without it from a function. */
	if (!is_there(&fields[REQUEST]))
		parent = opencalls_claim_wait(pylon->open, key_of(&fields[FN_NAME]));
	call = fields[CALL_ID].text_cut
		       ? NULL
		       : opencalls_add(pylon->open, key_of(&fields[CALL_ID]));
	if (!call)
		return OVER_LIMIT;
	call->user_id = inherit(&fields[USER_ID], parent ? parent->user_id : NULL);
	call->tenant_id =
		inherit(&fields[TENANT_ID], parent ? parent->tenant_id : NULL);
	begin_trace(pylon, call, parent, fields);
	count(pylon, PROTOCOL_CALLS);
	return UNDERSTOOD;
}

static int64_t
items_of(const struct jsonscan_field *field)
{
	return field->type == JSON_ARRAY ? (int64_t)field->item_count : FNT_NONE;
}

static int64_t
row_count(enum fnt_op op, const struct jsonscan_field *fields)
{
	switch (op) {
	case FNT_OP_GET:
	case FNT_OP_LOOKUP:
		return is_there(&fields[DATA]) ? 1 : 0;
	case FNT_OP_LIST:
	case FNT_OP_QUERY:
		return items_of(&fields[DATA]);
	case FNT_OP_PAGINATE:
		return items_of(&fields[PAGE]);
	case FNT_OP_SEARCH:
		return items_of(&fields[HITS]);
	default:
		return FNT_NONE;
	}
}

/* The operation that a result answers: the one with its op_id, or if the result has
 * none the call's oldest operation without an op_id. NULL: none. */
static struct open_op *
answered_op(struct pylon *pylon, const struct open_call *call,
	    const struct jsonscan_field *fields)
{
	if (!text_of(&fields[OP_ID]))
		return call ? opencalls_first_op(call) : NULL;
	if (fields[OP_ID].text_cut)
		return NULL;
	return opencalls_find_op(pylon->open, call, key_of(&fields[OP_ID]));
}

static enum verdict
take_result(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = call_of(pylon, fields);
	struct open_op *op = answered_op(pylon, call, fields);
	bool ok = !is_there(&fields[ERROR]);

	if (!text_of(&fields[CALL_ID]) && !text_of(&fields[OP_ID]))
		return NO_MESSAGE;
	if (op) {
		fnt_call_op_end(op->call->trace, op->handle,
				ok ? row_count(op->op, fields) : FNT_NONE, ok);
		opencalls_remove_op(pylon->open, op);
		return UNDERSTOOD;
	}
	if (call && !text_of(&fields[OP_ID]) && opencalls_end_wait(pylon->open, call))
		return UNDERSTOOD;
	return UNMATCHED;
}

/* ---- functions to host ---------------------------------------------------------- */

/* An operation of the call with this id can't be answered any more. */
static void
replace_op(struct pylon *pylon, const struct open_call *call, struct open_key op_id)
{
	struct open_op *op =
		op_id.text ? opencalls_find_own_op(pylon->open, call, op_id) : NULL;

	if (!op)
		return;
	count(pylon, PROTOCOL_ID_IN_USE);
	opencalls_remove_op(pylon->open, op);
}

static enum verdict
take_db(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = call_of(pylon, fields);
	const char *word = text_of(&fields[OP]);
	struct open_op *op;
	int kind;

	if (!word)
		return NO_MESSAGE;
	if (!call)
		return UNMATCHED;
	if (fields[OP_ID].text_cut)
		return OVER_LIMIT;
	replace_op(pylon, call, key_of(&fields[OP_ID]));
	op = opencalls_add_op(pylon->open, call, key_of(&fields[OP_ID]));
	if (!op)
		return OVER_LIMIT;
	kind = fnt_op_parse(word, strlen(word));
	op->op = kind < 0 ? FNT_OP_OTHER : (enum fnt_op)kind;
	op->handle = fnt_call_op_begin(call->trace, op->op, text_of(&fields[ENTITY]),
				       text_of(&fields[ID]));
	count(pylon, PROTOCOL_OPS);
	return UNDERSTOOD;
}

static enum verdict
take_stream(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = call_of(pylon, fields);

	if (fields[DATA].type != JSON_STRING)
		return NO_MESSAGE;
	if (!call)
		return UNMATCHED;
	fnt_call_stream_chunk(call->trace, fields[DATA].len);
	return UNDERSTOOD;
}

static enum verdict
take_schedule(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = call_of(pylon, fields);

	if (!text_of(&fields[FN_NAME]))
		return NO_MESSAGE;
	if (!call)
		return UNMATCHED;
	fnt_call_schedule(call->trace, text_of(&fields[FN_NAME]),
			  integer_of(&fields[DELAY_MS]), integer_of(&fields[RUN_AT]));
	return UNDERSTOOD;
}

static enum verdict
take_run_fn(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = call_of(pylon, fields);

	if (!text_of(&fields[FN_NAME]))
		return NO_MESSAGE;
	if (!call)
		return UNMATCHED;
	return opencalls_add_wait(pylon->open, call, key_of(&fields[FN_NAME]))
		       ? UNDERSTOOD
		       : OVER_LIMIT;
}

/* Remove a call that has ended. Returns its trace. */
static struct fnt_call *
close_call(struct pylon *pylon, struct open_call *call)
{
	struct fnt_call *trace = call->trace;

	opencalls_remove(pylon->open, call);
	return trace;
}

static enum verdict
take_return(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = call_of(pylon, fields);
	struct fnt_value value = {FNT_VALUE_JSON, fields[VALUE].text,
				  fields[VALUE].len};

	if (!call)
		return UNMATCHED;
	/* The value was too large to keep. A length without data makes the record say
	 * that it was left out. */
	if (fields[VALUE].text_cut)
		value.data = NULL;
	fnt_call_finish_ok(close_call(pylon, call),
			   fields[VALUE].type == JSON_ABSENT ? NULL : &value);
	return UNDERSTOOD;
}

static enum verdict
take_error(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = call_of(pylon, fields);

	if (!call)
		return UNMATCHED;
	fnt_call_finish_error(close_call(pylon, call), text_of(&fields[CODE]),
			      text_of(&fields[MESSAGE]));
	return UNDERSTOOD;
}

static enum verdict
take_nothing(struct pylon *pylon, const struct jsonscan_field *fields)
{
	(void)pylon;
	(void)fields;
	return UNDERSTOOD;
}

/* ---- lines ---------------------------------------------------------------------- */

static const struct {
	const char *type;
	enum protocol_dir dir;
	bool of_call; /* not valid without a call_id */
	enum verdict (*take)(struct pylon *pylon, const struct jsonscan_field *fields);
} messages[] = {
	{"call", PROTOCOL_TO_FN, true, take_call},
	{"result", PROTOCOL_TO_FN, false, take_result},
	{"db", PROTOCOL_TO_HOST, true, take_db},
	{"stream", PROTOCOL_TO_HOST, true, take_stream},
	{"schedule", PROTOCOL_TO_HOST, true, take_schedule},
	{"cancel_schedule", PROTOCOL_TO_HOST, false, take_nothing},
	{"run_fn", PROTOCOL_TO_HOST, true, take_run_fn},
	{"return", PROTOCOL_TO_HOST, true, take_return},
	{"error", PROTOCOL_TO_HOST, true, take_error},
	{"ready", PROTOCOL_TO_HOST, false, take_nothing},
};

static enum verdict
take_message(struct pylon *pylon, enum protocol_dir dir,
	     const struct jsonscan_field *fields)
{
	const char *type = text_of(&fields[TYPE]);

	if (!type || fields[TYPE].text_cut)
		return NO_MESSAGE;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (messages[i].dir != dir || strcmp(messages[i].type, type) != 0)
			continue;
		if (messages[i].of_call && !text_of(&fields[CALL_ID]))
			return NO_MESSAGE;
		return messages[i].take(pylon, fields);
	}
	return NO_MESSAGE;
}

static void
end_line(struct pylon *pylon, enum protocol_dir dir)
{
	struct jsonscan *scan = &pylon->scans[dir];
	enum verdict verdict = NO_JSON;

	if (jsonscan_end(scan))
		verdict = take_message(pylon, dir, scan->fields);
	count(pylon, (enum protocol_count)verdict);
	if (scan->too_deep)
		count(pylon, PROTOCOL_TOO_DEEP);
	if (verdict == UNMATCHED || verdict == OVER_LIMIT)
		count(pylon, PROTOCOL_MESSAGES);
	jsonscan_reset(scan);
	pylon->in_line[dir] = false;
}

static void
pylon_feed(void *state, const struct protocol_piece *piece)
{
	const char *bytes = piece->bytes, *end = bytes + piece->len;
	struct pylon *pylon = state;

	while (bytes < end) {
		const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
		size_t len = (size_t)((newline ? newline : end) - bytes);

		jsonscan_feed(&pylon->scans[piece->dir], bytes, len);
		pylon->in_line[piece->dir] = true;
		if (!newline)
			return;
		end_line(pylon, piece->dir);
		bytes = newline + 1;
	}
}

static void
pylon_eof(void *state, enum protocol_dir dir)
{
	struct pylon *pylon = state;

	if (pylon->in_line[dir])
		end_line(pylon, dir);
}

static void
pylon_finish(void *state)
{
	struct pylon *pylon = state;

	pylon->counts.of[PROTOCOL_ABORTED] += opencalls_clear(pylon->open);
}

static const struct protocol_counts *
pylon_counts(const void *state)
{
	return &((const struct pylon *)state)->counts;
}

static void
pylon_destroy(void *state)
{
	struct pylon *pylon = state;

	free(pylon->open);
	for (int dir = 0; dir < PROTOCOL_DIRS; dir++)
		jsonscan_fini(&pylon->scans[dir]);
	free(pylon);
}

static void *
pylon_create(const struct protocol_setup *setup)
{
	struct pylon *pylon = calloc(1, sizeof(*pylon));
	bool made;

	if (!pylon)
		return NULL;
	pylon->log = setup->log;
	if (setup->inherited && setup->traceparent)
		snprintf(pylon->traceparent, sizeof(pylon->traceparent), "%s",
			 setup->traceparent);
	pylon->open = opencalls_create();
	made = pylon->open != NULL;
	for (int dir = 0; made && dir < PROTOCOL_DIRS; dir++)
		made = jsonscan_init(&pylon->scans[dir], wants, FIELDS) == 0;
	if (made)
		return pylon;
	pylon_destroy(pylon);
	return NULL;
}

const struct protocol pylon_protocol = {
	.name = "pylon",
	.create = pylon_create,
	.feed = pylon_feed,
	.eof = pylon_eof,
	.finish = pylon_finish,
	.counts = pylon_counts,
	.destroy = pylon_destroy,
};
