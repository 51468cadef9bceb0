/* SPDX-License-Identifier: MIT */
#include "tap/pylon.h"
#include "tap/pylon_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 32 /* longer than any type, op or fn_type */

static const struct jsonscan_want wants[FIELDS] = {
	[TYPE] = {"type", JSONSCAN_TOP, WORD_MAX, false},
	[CALL_ID] = {"call_id", JSONSCAN_TOP, PYLON_ID_MAX, false},
	[OP_ID] = {"op_id", JSONSCAN_TOP, PYLON_ID_MAX, false},
	[FN_NAME] = {"fn_name", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[FN_TYPE] = {"fn_type", JSONSCAN_TOP, WORD_MAX, false},
	[AUTH] = {"auth", JSONSCAN_TOP, PYLON_HASHED_MAX, true},
	[USER_ID] = {"user_id", AUTH, PYLON_TEXT_MAX, false},
	[TENANT_ID] = {"tenant_id", AUTH, PYLON_TEXT_MAX, false},
	[REQUEST] = {"request", JSONSCAN_TOP, 0, false},
	[ARGS] = {"args", JSONSCAN_TOP, PYLON_HASHED_MAX, true},
	[AGENT] = {"agent", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[REASON] = {"reason", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[ROUTE_PATH] = {"route_path", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[OP] = {"op", JSONSCAN_TOP, WORD_MAX, false},
	[ENTITY] = {"entity", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[ID] = {"id", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[DATA] = {"data", JSONSCAN_TOP, 0, false},
	[PAGE] = {"page", DATA, 0, false},
	[HITS] = {"hits", DATA, 0, false},
	[ERROR] = {"error", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[VALUE] = {"value", JSONSCAN_TOP, PYLON_VALUE_MAX, true},
	[CODE] = {"code", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[MESSAGE] = {"message", JSONSCAN_TOP, PYLON_TEXT_MAX, false},
	[DELAY_MS] = {"delay_ms", JSONSCAN_TOP, 0, false},
	[RUN_AT] = {"run_at", JSONSCAN_TOP, 0, false},
};

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
	pylon_take *take;
} messages[] = {
	{"call", PROTOCOL_TO_FN, true, pylon_take_call},
	{"cancel", PROTOCOL_TO_FN, true, pylon_take_cancel},
	{"result", PROTOCOL_TO_FN, false, pylon_take_result},
	{"render_route", PROTOCOL_TO_FN, true, pylon_take_render},
	{"handle_form", PROTOCOL_TO_FN, true, pylon_take_form},
	{"llm_event", PROTOCOL_TO_FN, true, take_nothing},
	{"bundle_client", PROTOCOL_TO_FN, true, take_nothing},
	{"db", PROTOCOL_TO_HOST, true, pylon_take_db},
	{"stream", PROTOCOL_TO_HOST, true, pylon_take_stream},
	{"schedule", PROTOCOL_TO_HOST, true, pylon_take_schedule},
	{"cancel_schedule", PROTOCOL_TO_HOST, false, take_nothing},
	{"run_fn", PROTOCOL_TO_HOST, true, pylon_take_run_fn},
	{"run_agent", PROTOCOL_TO_HOST, true, pylon_take_agent},
	{"return", PROTOCOL_TO_HOST, true, pylon_take_return},
	{"error", PROTOCOL_TO_HOST, true, pylon_take_error},
	{"response_start", PROTOCOL_TO_HOST, true, take_nothing},
	{"render_chunk", PROTOCOL_TO_HOST, true, pylon_take_chunk},
	{"render_done", PROTOCOL_TO_HOST, true, pylon_take_done},
	{"ready", PROTOCOL_TO_HOST, false, take_nothing},
	{"bundle_client_result", PROTOCOL_TO_HOST, false, take_nothing},
	{"elevate_auth", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"sign_file_url", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"files_op", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"sign_shard_ticket", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"shard_op", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"send_email", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"llm_complete", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"llm_stream", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"llm_embed", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"llm_cancel", PROTOCOL_TO_HOST, true, take_nothing},
	{"room_broadcast", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"connection", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"workflow_op", PROTOCOL_TO_HOST, true, pylon_take_wait},
	{"audit_op", PROTOCOL_TO_HOST, true, pylon_take_wait},
};

static enum verdict
take_message(struct pylon *pylon, enum protocol_dir dir,
	     const struct jsonscan_field *fields)
{
	const char *type = pylon_text(&fields[TYPE]);

	if (!type || fields[TYPE].text_cut)
		return NO_MESSAGE;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (messages[i].dir != dir || strcmp(messages[i].type, type) != 0)
			continue;
		if (messages[i].of_call && !pylon_text(&fields[CALL_ID]))
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
	pylon_count(pylon, (enum protocol_count)verdict);
	if (scan->too_deep)
		pylon_count(pylon, PROTOCOL_TOO_DEEP);
	if (verdict == UNMATCHED || verdict == OVER_LIMIT)
		pylon_count(pylon, PROTOCOL_MESSAGES);
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
