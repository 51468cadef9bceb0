/* SPDX-License-Identifier: MIT
 *
 * pylon_suite.h: feeds lines between a host and its functions to the protocol, and
 * finds the traces that it recorded in a private log.
 *
 *      begin(); host(CALL("a", "f")); fn(RETURN("a", "")); end(); … finish();
 */
#ifndef FNT_TEST_PYLON_SUITE_H
#define FNT_TEST_PYLON_SUITE_H

#include "tap/protocols.h"
#include "tap/pylon.h"
#include "support/suite.h"

#include <string.h>

static struct fnt_log *log_;
static const struct protocol *protocol = &pylon_protocol;
static void *state;
static struct protocol_counts counts;
static struct fnt_traces *traces;

static inline void
begin(void)
{
	ck_assert_int_eq(fnt_log_open(&log_, NULL, NULL), 0);
	state = protocol->create(&(struct protocol_setup){.log = log_});
	ck_assert_ptr_nonnull(state);
}

/* The runtime has ended: read all traces, newest first. */
static inline void
end(void)
{
	protocol->finish(state);
	counts = *protocol->counts(state);
	protocol->destroy(state);
	ck_assert_int_eq(fnt_log_recent(log_, SIZE_MAX, &traces), 0);
}

static inline void
finish(void)
{
	fnt_traces_free(traces);
	fnt_log_close(log_);
}

static inline void
feed(enum protocol_dir dir, const char *bytes, size_t len)
{
	protocol->feed(state, &(struct protocol_piece){
				      .dir = dir, .bytes = bytes, .len = len});
}

/* A line from the host to the functions. */
static inline void
host(const char *line)
{
	feed(PROTOCOL_TO_FN, line, strlen(line));
	feed(PROTOCOL_TO_FN, "\n", 1);
}

/* A line from the functions to the host. */
static inline void
fn(const char *line)
{
	feed(PROTOCOL_TO_HOST, line, strlen(line));
	feed(PROTOCOL_TO_HOST, "\n", 1);
}

#define CALL(id, name)                                                                 \
	"{\"type\":\"call\",\"call_id\":\"" id "\",\"fn_name\":\"" name                \
	"\",\"fn_type\":\"query\"}"
#define DB(id, more) "{\"type\":\"db\",\"call_id\":\"" id "\"," more "}"
#define RESULT(id, more) "{\"type\":\"result\",\"call_id\":\"" id "\"," more "}"
#define RETURN(id, more) "{\"type\":\"return\",\"call_id\":\"" id "\"" more "}"
#define RUN_FN(id, name)                                                               \
	"{\"type\":\"run_fn\",\"call_id\":\"" id "\",\"fn_name\":\"" name "\"}"

/* What could not be traced, by cause. */
static inline void
check_causes(struct protocol_counts expected)
{
	for (enum protocol_count i = PROTOCOL_CAUSES; i < PROTOCOL_COUNTS; i++)
		ck_assert_msg(counts.of[i] == expected.of[i], "%s: %llu, not %llu",
			      protocol_count_name(i), (unsigned long long)counts.of[i],
			      (unsigned long long)expected.of[i]);
}

static inline const struct fnt_trace *
trace_of(const char *call_id)
{
	for (size_t i = 0; i < traces->count; i++)
		if (!strcmp(traces->items[i].call_id, call_id))
			return &traces->items[i];
	ck_abort_msg("no trace of %s", call_id);
	return NULL;
}

static inline void
check_value(const char *call_id, const char *expected)
{
	const struct fnt_trace *trace = trace_of(call_id);
	char *json = NULL;

	ck_assert_int_eq(trace->outcome, FNT_OK);
	ck_assert_int_eq(fnt_value_to_json(&trace->value, &json, NULL), 0);
	ck_assert_str_eq(json, expected);
	free(json);
}

/* The entities of the call's operations, concatenated. */
static inline void
check_entities(const char *call_id, const char *expected)
{
	const struct fnt_trace *trace = trace_of(call_id);
	char entities[64] = "";

	for (size_t i = 0; i < trace->op_count; i++)
		strncat(entities, trace->ops[i].entity, 8);
	ck_assert_str_eq(entities, expected);
}

#endif
