/* SPDX-License-Identifier: MIT */
#include "tap/jsonhash.h"
#include "tap/pylon_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a call begins --------------------------------------------------------------- */

/* A copy of the user or tenant id for the nested calls of this one: its own, else its
 * caller's. Cut at PYLON_ID_MAX to bound the memory of many calls. NULL: none. */
static char *
inherit(const struct jsonscan_field *field, const char *of_parent)
{
	const char *own = pylon_text(field);

	if (!own)
		own = of_parent;
	return own ? strndup(own, PYLON_ID_MAX) : NULL;
}

/* Hash of a value that was kept as JSON; 0: none, or it was too long. */
static uint64_t
hash_of(const struct jsonscan_field *field)
{
	return pylon_is_there(field) && field->text && !field->text_cut
		       ? jsonhash(field->text, field->text_len)
		       : 0;
}

/* Another call of this id is open: it can't be answered any more. */
static void
replace_call(struct pylon *pylon, struct open_call *call)
{
	struct fnt_call *older = call->trace;

	opencalls_remove(pylon->open, call);
	fnt_call_abandon(older);
	pylon_count(pylon, PROTOCOL_ABORTED);
	pylon_count(pylon, PROTOCOL_ID_IN_USE);
}

/* Begin a call of the function `fn_name`. `parent`: its caller; NULL: none. */
static enum verdict
begin(struct pylon *pylon, const struct jsonscan_field *fields, const char *fn_name,
      enum fnt_fn_type type, const struct open_call *parent)
{
	struct open_call *call = pylon_call_of(pylon, fields);
	struct fnt_call_info info = {
		.call_id = pylon_text(&fields[CALL_ID]),
		.fn_name = fn_name,
		.fn_type = type,
		.parent = parent ? parent->trace : NULL,
		.traceparent = pylon->traceparent,
	};

	if (call)
		replace_call(pylon, call);
	call = fields[CALL_ID].text_cut
		       ? NULL
		       : opencalls_add(pylon->open, pylon_key(&fields[CALL_ID]));
	if (!call)
		return OVER_LIMIT;
	call->auth_hash = hash_of(&fields[AUTH]);
	call->user_id = inherit(&fields[USER_ID], parent ? parent->user_id : NULL);
	call->tenant_id =
		inherit(&fields[TENANT_ID], parent ? parent->tenant_id : NULL);
	info.user_id = pylon_text(&fields[USER_ID]);
	info.tenant_id = pylon_text(&fields[TENANT_ID]);
	if (!info.user_id)
		info.user_id = call->user_id;
	if (!info.tenant_id)
		info.tenant_id = call->tenant_id;
	call->trace = fnt_call_begin(pylon->log, &info);
	pylon_count(pylon, PROTOCOL_CALLS);
	return UNDERSTOOD;
}

enum verdict
pylon_take_call(struct pylon *pylon, const struct jsonscan_field *fields)
{
	const char *fn_type = pylon_text(&fields[FN_TYPE]);
	int type = fn_type ? fnt_fn_type_parse(fn_type, strlen(fn_type)) : -1;
	struct open_call *parent = NULL;

	if (!pylon_text(&fields[FN_NAME]))
		return NO_MESSAGE;
	/* A call with a request comes from a client, one without it from a function. */
	if (!pylon_is_there(&fields[REQUEST]))
		parent = opencalls_claim_wait(pylon->open, pylon_key(&fields[FN_NAME]),
					      hash_of(&fields[ARGS]),
					      hash_of(&fields[AUTH]));
	/* A function of an unknown type is recorded as an action, which may do
	 * anything. */
	return begin(pylon, fields, pylon_text(&fields[FN_NAME]),
		     type < 0 ? FNT_ACTION : (enum fnt_fn_type)type, parent);
}

/* A page is rendered, or its form handled: a call named by the message and route. */
static enum verdict
begin_route(struct pylon *pylon, const struct jsonscan_field *fields,
	    enum fnt_fn_type type)
{
	const char *route = pylon_text(&fields[ROUTE_PATH]);
	char fn_name[1024];

	if (!route)
		return NO_MESSAGE;
	snprintf(fn_name, sizeof(fn_name), "%s %s", pylon_text(&fields[TYPE]), route);
	return begin(pylon, fields, fn_name, type, NULL);
}

enum verdict
pylon_take_render(struct pylon *pylon, const struct jsonscan_field *fields)
{
	return begin_route(pylon, fields, FNT_QUERY);
}

enum verdict
pylon_take_form(struct pylon *pylon, const struct jsonscan_field *fields)
{
	return begin_route(pylon, fields, FNT_ACTION);
}

/* ---- a call ends ----------------------------------------------------------------- */

/* Remove a call that has ended. Returns its trace. */
static struct fnt_call *
close_call(struct pylon *pylon, struct open_call *call)
{
	struct fnt_call *trace = call->trace;

	opencalls_remove(pylon->open, call);
	return trace;
}

enum verdict
pylon_take_return(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = pylon_call_of(pylon, fields);
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

enum verdict
pylon_take_error(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = pylon_call_of(pylon, fields);

	if (!call)
		return UNMATCHED;
	fnt_call_finish_error(close_call(pylon, call), pylon_text(&fields[CODE]),
			      pylon_text(&fields[MESSAGE]));
	return UNDERSTOOD;
}

/* The page is complete. */
enum verdict
pylon_take_done(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = pylon_call_of(pylon, fields);

	if (!call)
		return UNMATCHED;
	if (pylon_is_there(&fields[ERROR]))
		fnt_call_finish_error(close_call(pylon, call), "RENDER_ERROR",
				      pylon_text(&fields[ERROR]));
	else
		fnt_call_finish_ok(close_call(pylon, call), NULL);
	return UNDERSTOOD;
}

/* The host has given up, and its client has got an error. What the function answers
 * later is about a call that is not open. */
enum verdict
pylon_take_cancel(struct pylon *pylon, const struct jsonscan_field *fields)
{
	struct open_call *call = pylon_call_of(pylon, fields);

	if (!call)
		return UNMATCHED;
	fnt_call_finish_error(close_call(pylon, call), "FN_TIMEOUT",
			      pylon_text(&fields[REASON]));
	return UNDERSTOOD;
}

/* ---- nested calls ---------------------------------------------------------------- */

static enum verdict
wait_for(struct pylon *pylon, const struct jsonscan_field *fields,
	 const struct jsonscan_field *fn_name)
{
	struct open_call *call = pylon_call_of(pylon, fields);

	if (!pylon_text(fn_name))
		return NO_MESSAGE;
	if (!call)
		return UNMATCHED;
	return opencalls_add_wait(pylon->open, call, pylon_key(fn_name),
				  hash_of(&fields[ARGS]))
		       ? UNDERSTOOD
		       : OVER_LIMIT;
}

enum verdict
pylon_take_run_fn(struct pylon *pylon, const struct jsonscan_field *fields)
{
	return wait_for(pylon, fields, &fields[FN_NAME]);
}

enum verdict
pylon_take_agent(struct pylon *pylon, const struct jsonscan_field *fields)
{
	return wait_for(pylon, fields, &fields[AGENT]);
}
