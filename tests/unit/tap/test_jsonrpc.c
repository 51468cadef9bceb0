/* SPDX-License-Identifier: MIT
 *
 * JSON-RPC and its dialects: each test feeds messages to a protocol and checks the
 * traces that it records in a private log. In the messages ' stands for ".
 */
#include "tap/jsonrpc.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 8192

static struct fnt_log *log_;
static const struct protocol *protocol;
static void *state;
static struct protocol_counts counts;
static struct fnt_traces *traces;
static char notices[256];
static bool headers; /* send Content-Length before each message, not a newline after */

static void
begin(const struct protocol *which)
{
	protocol = which;
	headers = which == &lsp_protocol;
	ck_assert_int_eq(fnt_log_open(&log_, NULL, NULL), 0);
	state = protocol->create(&(struct protocol_setup){.log = log_});
	ck_assert_ptr_nonnull(state);
}

/* CMD has ended: read all traces, newest first. */
static void
end(void)
{
	protocol->finish(state);
	protocol->notices(state, notices, sizeof(notices));
	counts = *protocol->counts(state);
	protocol->destroy(state);
	ck_assert_int_eq(fnt_log_recent(log_, SIZE_MAX, &traces), 0);
}

/* What could not be traced, by any cause. */
static uint64_t
missed(void)
{
	uint64_t sum = 0;

	for (int i = PROTOCOL_CAUSES; i < PROTOCOL_COUNTS; i++)
		sum += counts.of[i];
	return sum;
}

static void
finish(void)
{
	fnt_traces_free(traces);
	fnt_log_close(log_);
}

static void
feed(enum protocol_dir dir, const char *bytes)
{
	protocol->feed(state, &(struct protocol_piece){.dir = dir,
						       .bytes = bytes,
						       .len = strlen(bytes)});
}

static void
send_message(enum protocol_dir dir, const char *message)
{
	char text[TEXT_MAX], header[64];

	snprintf(text, sizeof(text), "%s%s", message, headers ? "" : "\n");
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (headers) {
		snprintf(header, sizeof(header), "Content-Length: %zu\r\n\r\n",
			 strlen(text));
		feed(dir, header);
	}
	feed(dir, text);
}

static void
client(const char *message)
{
	send_message(PROTOCOL_TO_FN, message);
}

static void
server(const char *message)
{
	send_message(PROTOCOL_TO_HOST, message);
}

static const struct fnt_trace *
trace_of(const char *call_id)
{
	for (size_t i = 0; i < traces->count; i++)
		if (!strcmp(traces->items[i].call_id, call_id))
			return &traces->items[i];
	ck_abort_msg("no trace of %s", call_id);
	return NULL;
}

static void
check_value(const char *call_id, const char *expected)
{
	const struct fnt_trace *trace = trace_of(call_id);
	char *json = NULL;

	ck_assert_int_eq(trace->outcome, FNT_OK);
	ck_assert_int_eq(fnt_value_to_json(&trace->value, &json, NULL), 0);
	ck_assert_str_eq(json, expected);
	free(json);
}

static void
check_error(const char *call_id, const char *code, const char *message)
{
	const struct fnt_trace *trace = trace_of(call_id);

	ck_assert_int_eq(trace->outcome, FNT_ERROR);
	ck_assert_str_eq(trace->code, code);
	ck_assert_str_eq(trace->message, message);
}

START_TEST(test_requests)
{
	begin(&jsonrpc_protocol);
	client("{'jsonrpc':'2.0','id':0,'method':'sum','params':[1,2]}");
	client("{'params':{'secret':'x'},'method':'other','id':'a\\u0062','jsonrpc':'2."
	       "0'}");
	server("{'result':null,'id':'ab','jsonrpc':'2.0'}");
	server("{'jsonrpc':'2.0','id':0,'result':{'secret':'y'}}");
	end();
	ck_assert_uint_eq(traces->count, 2);
	ck_assert_str_eq(trace_of("0")->fn_name, "sum");
	ck_assert_int_eq(trace_of("0")->fn_type, FNT_ACTION);
	check_value("0", "{\"params_bytes\":5,\"result_bytes\":14}");
	check_value("ab", "{\"params_bytes\":14,\"result_bytes\":4}");
	ck_assert_uint_eq(counts.of[PROTOCOL_CALLS], 2);
	ck_assert_uint_eq(counts.of[PROTOCOL_MESSAGES], 4);
	ck_assert_uint_eq(missed(), 0);
	finish();
}
END_TEST

START_TEST(test_errors)
{
	begin(&jsonrpc_protocol);
	client("{'jsonrpc':'2.0','id':1,'method':'m'}");
	client("{'jsonrpc':'2.0','id':2,'method':'m'}");
	client("{'jsonrpc':'2.0','id':3,'method':'m'}");
	server("{'jsonrpc':'2.0','id':1,'error':{'code':-32602,'message':'no','data':{"
	       "'message':'deep'}}}");
	server("{'jsonrpc':'2.0','id':2,'error':{'code':'E'}}");
	server("{'jsonrpc':'2.0','id':null,'error':{'code':-32700,'message':'parse'}}");
	end();
	check_error("1", "-32602", "no");
	check_error("2", "E", "");
	ck_assert_int_eq(trace_of("3")->outcome, FNT_ABORTED);
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 1);
	ck_assert_uint_eq(counts.of[PROTOCOL_ABORTED], 1);
	finish();
}
END_TEST

/* The id 1 is not the id "1", and each direction has ids of its own. */
START_TEST(test_ids)
{
	begin(&jsonrpc_protocol);
	client("{'jsonrpc':'2.0','id':1,'method':'number'}");
	client("{'jsonrpc':'2.0','id':'1','method':'text'}");
	server("{'jsonrpc':'2.0','id':1,'method':'back'}");
	server("{'jsonrpc':'2.0','id':'1','error':{'code':7,'message':'t'}}");
	client("{'jsonrpc':'2.0','id':1,'result':1}");
	server("{'jsonrpc':'2.0','id':1.0,'error':{'code':8,'message':'n'}}");
	/* An answer without a question, in either direction. */
	server("{'jsonrpc':'2.0','id':1,'result':1}");
	client("{'jsonrpc':'2.0','id':1,'result':1}");
	/* An id that is used again while its request is open. */
	client("{'jsonrpc':'2.0','id':9,'method':'older'}");
	client("{'jsonrpc':'2.0','id':9,'method':'newer'}");
	server("{'jsonrpc':'2.0','id':9,'result':1}");
	end();
	ck_assert_uint_eq(traces->count, 5);
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 2);
	ck_assert_uint_eq(counts.of[PROTOCOL_ABORTED], 1);
	for (size_t i = 0; i < traces->count; i++) {
		const struct fnt_trace *trace = &traces->items[i];

		if (!strcmp(trace->fn_name, "number"))
			ck_assert_str_eq(trace->message, "n");
		else if (!strcmp(trace->fn_name, "text"))
			ck_assert_str_eq(trace->message, "t");
		else
			ck_assert_int_eq(trace->outcome,
					 !strcmp(trace->fn_name, "older") ? FNT_ABORTED
									  : FNT_OK);
	}
	finish();
}
END_TEST

/* A request by the server is an op of the client's request, if only one is open. */
START_TEST(test_requests_back)
{
	const struct fnt_trace *trace;

	begin(&mcp_protocol);
	client("{'jsonrpc':'2.0','id':1,'method':'tools/"
	       "call','params':{'name':'ask'}}");
	server("{'jsonrpc':'2.0','id':0,'method':'sampling/createMessage'}");
	client("{'jsonrpc':'2.0','id':0,'result':{}}");
	server("{'jsonrpc':'2.0','id':1,'method':'elicitation/create'}");
	client("{'jsonrpc':'2.0','id':1,'error':{'code':-1,'message':'no'}}");
	server("{'jsonrpc':'2.0','id':2,'method':'roots/list'}");
	server("{'jsonrpc':'2.0','id':1,'result':{}}");
	client("{'jsonrpc':'2.0','id':2,'result':{}}"); /* its call has ended */
	client("{'jsonrpc':'2.0','id':3,'method':'a'}");
	client("{'jsonrpc':'2.0','id':4,'method':'b'}");
	server("{'jsonrpc':'2.0','id':'own','method':'roots/list'}");
	client("{'jsonrpc':'2.0','id':'own','result':{}}");
	server("{'jsonrpc':'2.0','id':4,'result':{}}");
	server("{'jsonrpc':'2.0','id':3,'result':{}}");
	end();
	ck_assert_uint_eq(traces->count, 4);
	trace = trace_of("1");
	ck_assert_str_eq(trace->fn_name, "tools/call ask");
	ck_assert_uint_eq(trace->op_count, 2);
	ck_assert_str_eq(trace->ops[0].entity, "sampling/createMessage");
	ck_assert_str_eq(fnt_trace_op_name(&trace->ops[0]), "request");
	ck_assert(trace->ops[0].ok);
	ck_assert_str_eq(trace->ops[1].entity, "elicitation/create");
	ck_assert(!trace->ops[1].ok);
	ck_assert_uint_eq(trace->pending_count, 1);
	ck_assert_str_eq(trace_of("own")->fn_name, "roots/list");
	ck_assert_uint_eq(counts.of[PROTOCOL_OPS], 3);
	ck_assert_uint_eq(missed() + counts.of[PROTOCOL_ABORTED], 0);
	finish();
}
END_TEST

START_TEST(test_mcp)
{
	begin(&mcp_protocol);
	client("{'method':'tools/call','params':{'name':'add','arguments':{'name':'no'}"
	       "},'jsonrpc':'2.0','id':1}");
	server("{'result':{'isError':true,'content':[{'type':'text','text':'first'},{"
	       "'text':'second'}]},'jsonrpc':'2.0','id':1}");
	client("{'jsonrpc':'2.0','id':2,'method':'prompts/get','params':{'name':'p'}}");
	server("{'jsonrpc':'2.0','id':2,'result':{'isError':false,'content':[]}}");
	client("{'jsonrpc':'2.0','id':3,'method':'resources/"
	       "read','params':{'uri':'file:"
	       "///x'}}");
	server("{'jsonrpc':'2.0','id':3,'result':{'contents':[]}}");
	client("{'jsonrpc':'2.0','id':4,'method':'tools/list','params':{'name':'x'}}");
	server("{'jsonrpc':'2.0','id':4,'result':{}}");
	end();
	check_error("1", "isError", "first");
	ck_assert_str_eq(trace_of("1")->fn_name, "tools/call add");
	ck_assert_int_eq(trace_of("1")->fn_type, FNT_ACTION);
	ck_assert_str_eq(trace_of("2")->fn_name, "prompts/get p");
	ck_assert_int_eq(trace_of("2")->fn_type, FNT_QUERY);
	ck_assert_uint_eq(trace_of("3")->op_count, 1);
	ck_assert_str_eq(trace_of("3")->ops[0].id, "file:///x");
	ck_assert_str_eq(trace_of("4")->fn_name, "tools/list");
	finish();
}
END_TEST

/* In MCP nothing answers a cancelled request; a late answer is counted. */
START_TEST(test_cancelled)
{
	begin(&mcp_protocol);
	client("{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'t'}}");
	client("{'jsonrpc':'2.0','method':'notifications/"
	       "cancelled','params':{'requestId'"
	       ":1,'reason':'user'}}");
	server("{'jsonrpc':'2.0','id':1,'result':{}}");
	server("{'jsonrpc':'2.0','method':'notifications/message'}");
	/* Not the server's to cancel, and not open. */
	client("{'jsonrpc':'2.0','id':2,'method':'tools/call','params':{'name':'t'}}");
	server("{'jsonrpc':'2.0','method':'notifications/"
	       "cancelled','params':{'requestId'"
	       ":2}}");
	client("{'jsonrpc':'2.0','method':'notifications/"
	       "cancelled','params':{'requestId'"
	       ":77}}");
	server("{'jsonrpc':'2.0','id':2,'result':{}}");
	end();
	check_error("1", "CANCELLED", "user");
	ck_assert_str_eq(notices, "notifications/cancelled 3, notifications/message 1");
	ck_assert_int_eq(trace_of("2")->outcome, FNT_OK);
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 3);
	finish();
}
END_TEST

START_TEST(test_cancelled_lsp)
{
	begin(&lsp_protocol);
	client("{'jsonrpc':'2.0','id':1,'method':'textDocument/hover'}");
	client("{'jsonrpc':'2.0','method':'$/cancelRequest','params':{'id':1}}");
	server("{'jsonrpc':'2.0','id':1,'error':{'code':-32800,'message':'gone'}}");
	end();
	check_error("1", "-32800", "gone");
	ck_assert_int_eq(trace_of("1")->fn_type, FNT_QUERY);
	ck_assert_uint_eq(missed(), 0);
	finish();
}
END_TEST

START_TEST(test_progress)
{
	const char *progress =
		"{'jsonrpc':'2.0','method':'notifications/progress','params':{"
		"'progressToken':7,'progress':1}}";

	begin(&mcp_protocol);
	client("{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'t','_"
	       "meta':{'progressToken':7}}}");
	server(progress);
	server(progress);
	client(progress); /* the wrong way */
	server("{'jsonrpc':'2.0','id':1,'result':{}}");
	server(progress); /* late */
	end();
	ck_assert_str_eq(notices, "notifications/progress 4");
	ck_assert_uint_eq(trace_of("1")->stream_chunks, 2);
	ck_assert_uint_eq(trace_of("1")->stream_bytes, 2 * strlen(progress));
	finish();

	begin(&lsp_protocol);
	client("{'jsonrpc':'2.0','id':1,'method':'m','params':{'workDoneToken':'w'}}");
	client("{'jsonrpc':'2.0','id':2,'method':'m','params':{'partialResultToken':5}}"
	       "");
	server("{'jsonrpc':'2.0','method':'$/progress','params':{'token':'w','value':{"
	       "'kind':'begin'}}}");
	server("{'jsonrpc':'2.0','method':'$/"
	       "progress','params':{'token':5,'value':[]}}");
	server("{'jsonrpc':'2.0','method':'$/progress','params':{'token':'other'}}");
	server("{'jsonrpc':'2.0','id':1,'result':null}");
	server("{'jsonrpc':'2.0','id':2,'result':null}");
	end();
	ck_assert_uint_eq(trace_of("1")->stream_chunks, 1);
	ck_assert_uint_eq(trace_of("2")->stream_chunks, 1);
	finish();
}
END_TEST

START_TEST(test_traceparent)
{
	const struct fnt_trace *trace;

	begin(&mcp_protocol);
	client("{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'t','_"
	       "meta':{'traceparent':'00-0af7651916cd43dd8448eb211c80319c-"
	       "b7ad6b7169203331-01'}}}");
	server("{'jsonrpc':'2.0','id':1,'result':{}}");
	end();
	trace = trace_of("1");
	ck_assert_uint_eq(trace->trace_id[0], 0x0af7651916cd43dd);
	ck_assert_uint_eq(trace->trace_id[1], 0x8448eb211c80319c);
	ck_assert_uint_eq(trace->parent_uid, 0xb7ad6b7169203331);
	finish();
}
END_TEST

START_TEST(test_batch)
{
	begin(&mcp_protocol);
	client("[{'jsonrpc':'2.0','id':1,'method':'a'},{'jsonrpc':'2.0','method':'n'},{"
	       "'jsonrpc':'2.0','id':2,'method':'b'}]");
	server("[{'jsonrpc':'2.0','id':2,'result':1},{'jsonrpc':'2.0','id':1,'error':{"
	       "'code':1,'message':'x'}}]");
	end();
	ck_assert_str_eq(trace_of("2")->fn_name, "b");
	check_error("1", "1", "x");
	ck_assert_uint_eq(counts.of[PROTOCOL_MESSAGES], 5);
	finish();
}
END_TEST

START_TEST(test_no_messages)
{
	begin(&mcp_protocol);
	client("hello");
	client("{'jsonrpc':'1.0','id':1,'method':'a'}");
	client("{'id':1,'method':'a'}");
	client("{'jsonrpc':'2.0','id':1}");
	client("{'jsonrpc':'2.0','id':1,'method':'a'");
	client("[1,2]");
	client("{'jsonrpc':'2.0','id':{},'method':'a'}"); /* an id that can't be one */
	client("{'jsonrpc':'2.0','id':true,'result':1}");
	end();
	ck_assert_uint_eq(traces->count, 0);
	ck_assert_uint_eq(counts.of[PROTOCOL_NO_JSON], 4);
	ck_assert_uint_eq(counts.of[PROTOCOL_NO_MESSAGE], 3);
	ck_assert_uint_eq(counts.of[PROTOCOL_OVER_LIMIT], 1);
	ck_assert_uint_eq(counts.of[PROTOCOL_UNMATCHED], 1);
	finish();
}
END_TEST

/* Memory is bounded although nobody answers. */
START_TEST(test_no_answers)
{
	char message[128];

	begin(&jsonrpc_protocol);
	for (int i = 0; i < 70000; i++) {
		snprintf(message, sizeof(message),
			 "{'jsonrpc':'2.0','id':%d,'method':'m'}", i);
		client(message);
	}
	end();
	ck_assert_uint_eq(counts.of[PROTOCOL_OVER_LIMIT], 70000 - 65536);
	ck_assert_uint_eq(counts.of[PROTOCOL_ABORTED], 65536);
	finish();
}
END_TEST

int
main(void)
{
	return SUITE_RUN("jsonrpc", test_requests, test_errors, test_ids,
			 test_requests_back, test_mcp, test_cancelled,
			 test_cancelled_lsp, test_progress, test_traceparent,
			 test_batch, test_no_messages, test_no_answers);
}
