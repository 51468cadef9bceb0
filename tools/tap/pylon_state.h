/* SPDX-License-Identifier: MIT
 *
 * pylon_state.h: what the parts of Pylon's protocol share. For pylon.c, which cuts
 * lines and looks up what to do with a message, pylon_calls.c, and pylon_ops.c.
 *
 * Each pylon_take_… takes one message. `fields` are the members that were found.
 */
#ifndef FNT_TAP_PYLON_STATE_H
#define FNT_TAP_PYLON_STATE_H

#include "tap/jsonscan.h"
#include "tap/opencalls.h"
#include "tap/pylon.h"

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
	ARGS,
	AGENT,
	REASON,
	ROUTE_PATH,
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

static inline void
pylon_count(struct pylon *pylon, enum protocol_count what)
{
	pylon->counts.of[what]++;
}

/* ---- fields --------------------------------------------------------------------- */

/* The content of a string; NULL: the member is absent or not a string. */
static inline const char *
pylon_text(const struct jsonscan_field *field)
{
	return field->type == JSON_STRING ? field->text : NULL;
}

static inline struct open_key
pylon_key(const struct jsonscan_field *field)
{
	return (struct open_key){pylon_text(field), field->text_len};
}

static inline bool
pylon_is_there(const struct jsonscan_field *field)
{
	return field->type != JSON_ABSENT && field->type != JSON_NULL;
}

static inline int64_t
pylon_integer(const struct jsonscan_field *field)
{
	return field->integer_known ? field->integer : FNT_NONE;
}

/* The open call that a message is about; NULL: none. */
static inline struct open_call *
pylon_call_of(struct pylon *pylon, const struct jsonscan_field *fields)
{
	if (!pylon_text(&fields[CALL_ID]) || fields[CALL_ID].text_cut)
		return NULL;
	return opencalls_find(pylon->open, pylon_key(&fields[CALL_ID]));
}

/* A message and what it is. */
typedef enum verdict pylon_take(struct pylon *pylon,
				const struct jsonscan_field *fields);

/* ---- calls: pylon_calls.c ------------------------------------------------------- */

pylon_take pylon_take_call, pylon_take_render, pylon_take_form; /* a call begins */
pylon_take pylon_take_return, pylon_take_error, pylon_take_done, pylon_take_cancel;
pylon_take pylon_take_run_fn, pylon_take_agent; /* a nested call is asked for */

/* ---- what happens in a call: pylon_ops.c ---------------------------------------- */

pylon_take pylon_take_db, pylon_take_wait, pylon_take_result;
pylon_take pylon_take_stream, pylon_take_chunk, pylon_take_schedule;

#endif
