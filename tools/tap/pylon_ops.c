/* SPDX-License-Identifier: MIT */
#include "tap/pylon_state.h"

#include <stdio.h>
#include <string.h>

/* An operation of the call with this id can't be answered any more. */
static void
replace_op(struct pylon *pylon, const struct open_call *call, struct open_key op_id)
{
	struct open_op *op =
		op_id.text ? opencalls_find_own_op(pylon->open, call, op_id) : NULL;

	if (!op)
		return;
	pylon_count(pylon, PROTOCOL_ID_IN_USE);
	opencalls_remove_op(pylon->open, op);
}

/* Add what a result will answer. NULL: over a limit. */
static struct open_op *
add_op(struct pylon *pylon, struct open_call *call, const struct jsonscan_field *fields)
{
	if (fields[OP_ID].text_cut)
		return NULL;
	replace_op(pylon, call, pylon_key(&fields[OP_ID]));
	return opencalls_add_op(pylon->open, call, pylon_key(&fields[OP_ID]));
}

enum verdict
pylon_take_db(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = pylon_call_of(pylon, fields);
	const char *word = pylon_text(&fields[OP]);
	struct open_op *op;
	int kind;

	if (!word)
		return NO_MESSAGE;
	if (!call)
		return UNMATCHED;
	op = add_op(pylon, call, fields);
	if (!op)
		return OVER_LIMIT;
	kind = fnt_op_parse(word, strlen(word));
	op->op = kind < 0 ? FNT_OP_OTHER : (enum fnt_op)kind;
	/* Its result is like a search's: it has hits. */
	if (!strcmp(word, "vector_search"))
		op->op = FNT_OP_SEARCH;
	op->handle =
		fnt_call_op_begin_as(call->trace, word, pylon_text(&fields[ENTITY]),
				     pylon_text(&fields[ID]));
	pylon_count(pylon, PROTOCOL_OPS);
	return UNDERSTOOD;
}

/* The function waits for something that is no database operation: a model, a mail
 * server, a file. Named by the message's type, and its op if it has one. */
enum verdict
pylon_take_wait(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = pylon_call_of(pylon, fields);
	const char *word = pylon_text(&fields[OP]);
	char name[FNT_WORD_MAX + 1];
	struct open_op *op;

	if (!call)
		return UNMATCHED;
	op = add_op(pylon, call, fields);
	if (!op)
		return OVER_LIMIT;
	snprintf(name, sizeof(name), "%s%s%s", pylon_text(&fields[TYPE]),
		 word ? " " : "", word ? word : "");
	op->op = FNT_OP_OTHER;
	op->handle = fnt_call_wait_begin(call->trace, name);
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
		return pylon_is_there(&fields[DATA]) ? 1 : 0;
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
	if (!pylon_text(&fields[OP_ID]))
		return call ? opencalls_first_op(call) : NULL;
	if (fields[OP_ID].text_cut)
		return NULL;
	return opencalls_find_op(pylon->open, call, pylon_key(&fields[OP_ID]));
}

enum verdict
pylon_take_result(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = pylon_call_of(pylon, fields);
	struct open_op *op = answered_op(pylon, call, fields);
	bool ok = !pylon_is_there(&fields[ERROR]);

	if (!pylon_text(&fields[CALL_ID]) && !pylon_text(&fields[OP_ID]))
		return NO_MESSAGE;
	if (op) {
		fnt_call_op_end(op->call->trace, op->handle,
				ok ? row_count(op->op, fields) : FNT_NONE, ok);
		opencalls_remove_op(pylon->open, op);
		return UNDERSTOOD;
	}
	if (call && !pylon_text(&fields[OP_ID]) &&
	    opencalls_end_wait(pylon->open, call))
		return UNDERSTOOD;
	return UNMATCHED;
}

enum verdict
pylon_take_stream(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = pylon_call_of(pylon, fields);

	if (fields[DATA].type != JSON_STRING)
		return NO_MESSAGE;
	if (!call)
		return UNMATCHED;
	fnt_call_stream_chunk(call->trace, fields[DATA].len);
	return UNDERSTOOD;
}

/* A piece of a page: base64, of which four letters stand for three bytes. */
enum verdict
pylon_take_chunk(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = pylon_call_of(pylon, fields);

	if (!call)
		return UNMATCHED;
	fnt_call_stream_chunk(call->trace, fields[DATA].len / 4 * 3);
	return UNDERSTOOD;
}

enum verdict
pylon_take_schedule(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = pylon_call_of(pylon, fields);

	if (!pylon_text(&fields[FN_NAME]))
		return NO_MESSAGE;
	if (!call)
		return UNMATCHED;
	fnt_call_schedule(call->trace, pylon_text(&fields[FN_NAME]),
			  pylon_integer(&fields[DELAY_MS]),
			  pylon_integer(&fields[RUN_AT]));
	return UNDERSTOOD;
}
