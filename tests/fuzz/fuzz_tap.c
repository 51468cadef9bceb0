/* SPDX-License-Identifier: MIT
 *
 * fuzz_tap.c: `fntrace tap` on any bytes. An input is lines, each with its direction
 * first: '<' from the functions, any other byte to them. Seeds: tests/fuzz/corpus/tap.
 *
 * The lines are given to each protocol twice, whole and in pieces of varying size.
 * Nothing may crash or hang; counts and traces must be the same both times.
 */
#include "tap/protocols.h"

#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                \
	do {                                                                           \
		if (!(condition))                                                      \
			abort();                                                       \
	} while (0)

/* How the input is given: to which protocol, and whole or in pieces. */
static const struct protocol *protocol;
static bool whole;

#define COMPARED 50u
#define PIECE 13u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum protocol_dir
direction(char first)
{
	return first == '<' ? PROTOCOL_TO_HOST : PROTOCOL_TO_FN;
}

static void
feed(void *state, enum protocol_dir dir, const char *bytes, size_t len)
{
	size_t piece = whole ? len : 1 + len % PIECE;

	while (len) {
		if (piece > len)
			piece = len;
		protocol->feed(state, &(struct protocol_piece){.dir = dir,
							       .bytes = bytes,
							       .len = piece});
		bytes += piece;
		len -= piece;
		/* Pieces of one byte and of many. */
		piece = whole ? len : 1 + (piece * 7 + len) % PIECE;
	}
}

static struct protocol_counts
trace_all(struct fnt_log *log, const char *bytes, size_t size)
{
	void *state = protocol->create(&(struct protocol_setup){.log = log});
	struct protocol_counts counts;

	MUST(state);
	while (size) {
		enum protocol_dir dir = direction(*bytes);
		const char *newline = memchr(bytes, '\n', size);
		size_t len = newline ? (size_t)(newline - bytes) + 1 : size;

		feed(state, dir, bytes + 1, len - 1);
		bytes += len;
		size -= len;
	}
	protocol->eof(state, PROTOCOL_TO_FN);
	protocol->eof(state, PROTOCOL_TO_HOST);
	protocol->finish(state);
	counts = *protocol->counts(state);
	protocol->destroy(state);
	return counts;
}

/* ---- comparing ------------------------------------------------------------------- */

static void
same_text(const char *a, const char *b)
{
	MUST(!a == !b);
	MUST(!a || !strcmp(a, b));
}

static void
same_ops(const struct fnt_trace_op *a, const struct fnt_trace_op *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		MUST(a[i].op == b[i].op && a[i].ok == b[i].ok);
		MUST(a[i].row_count == b[i].row_count);
		same_text(a[i].entity, b[i].entity);
		same_text(a[i].id, b[i].id);
	}
}

static void
same_trace(const struct fnt_trace *a, const struct fnt_trace *b)
{
	same_text(a->call_id, b->call_id);
	same_text(a->fn_name, b->fn_name);
	same_text(a->user_id, b->user_id);
	same_text(a->tenant_id, b->tenant_id);
	same_text(a->code, b->code);
	same_text(a->message, b->message);
	MUST(a->fn_type == b->fn_type && a->outcome == b->outcome &&
	     a->flags == b->flags);
	MUST(!a->parent_uid == !b->parent_uid);
	MUST(a->op_count == b->op_count && a->pending_count == b->pending_count);
	same_ops(a->ops, b->ops, a->op_count);
	same_ops(a->pending, b->pending, a->pending_count);
	MUST(a->schedule_count == b->schedule_count);
	MUST(a->stream_bytes == b->stream_bytes &&
	     a->stream_chunks == b->stream_chunks);
	MUST(a->ops_omitted == b->ops_omitted);
	MUST(a->value.kind == b->value.kind && a->value.len == b->value.len);
	MUST(!a->value.len || !memcmp(a->value.data, b->value.data, a->value.len));
}

static void
same_traces(struct fnt_log *one, struct fnt_log *other, uint64_t calls)
{
	struct fnt_traces *a, *b;
	size_t limit = calls < COMPARED ? (size_t)calls : COMPARED;

	MUST(!fnt_log_recent(one, limit, &a) && !fnt_log_recent(other, limit, &b));
	MUST(a->count == b->count);
	for (size_t i = 0; i < a->count; i++)
		same_trace(&a->items[i], &b->items[i]);
	fnt_traces_free(a);
	fnt_traces_free(b);
}

/* Give the input to `protocol` in both ways. */
static void
try_protocol(const char *bytes, size_t size)
{
	static struct fnt_log *logs[2];
	static const struct fnt_options options = {.size_bytes = 512 << 10,
						   .flags = FNT_ORDERED};
	struct protocol_counts counts[2];

	for (int i = 0; i < 2; i++) {
		MUST(logs[i] || !fnt_log_open(&logs[i], NULL, &options));
		whole = i == 0;
		counts[i] = trace_all(logs[i], bytes, size);
	}
	MUST(!memcmp(&counts[0], &counts[1], sizeof(counts[0])));
	MUST(counts[0].of[PROTOCOL_CALLS] <= counts[0].of[PROTOCOL_MESSAGES]);
	same_traces(logs[0], logs[1], counts[0].of[PROTOCOL_CALLS]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"auto", "mcp", "lsp", "jsonrpc"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		protocol = protocol_by_name(names[i]);
		try_protocol((const char *)data, size);
	}
	return 0;
}
