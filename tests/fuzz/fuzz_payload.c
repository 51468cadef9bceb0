/* SPDX-License-Identifier: MIT
 *
 * fuzz_payload.c: fnt_payload_next and fnt_trace_set_add on any bytes. Seeds:
 * tests/fuzz/corpus/payload.
 *
 * Events must lie within the bytes, one after the other. A prefix that ends with an
 * event must give the same events, and so must any bytes behind the payload. What is
 * decoded must be valid UTF-8 and of bounded size, and JSON can be made of it.
 */
#include "read/decode.h"
#include "region/name_table.h"
#include "payload/read.h"
#include "support/payload_same.h"
#include "base/shm_words.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                \
	do {                                                                           \
		if (!(condition))                                                      \
			abort();                                                       \
	} while (0)

#define NAMES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Name 1 is plain, 2 is the longest possible, 3 is not UTF-8, and 4 is half written. */
static void
put_name(struct fnt_name *slot, const char *text, size_t len, uint32_t status)
{
	fnt_words_store(slot->words, text, len);
	atomic_store(&slot->state, (uint64_t)(len & 0xff) << 8 | status);
}

static struct fnt_view
make_view(void)
{
	static struct fnt_name names[NAMES];
	char longest[FNT_NAME_MAX];

	memset(longest, 'n', sizeof(longest));
	put_name(&names[1], "Bid", 3, FNT_NAME_READY);
	put_name(&names[2], longest, sizeof(longest), FNT_NAME_READY);
	put_name(&names[3], "\xff\xc3(", 3, FNT_NAME_READY);
	put_name(&names[4], "half", 4, FNT_NAME_BUSY);
	return (struct fnt_view){.names = names, .name_count = NAMES};
}

/* ---- events ---------------------------------------------------------------------- */

static bool
within(struct fnt_text text, const uint8_t *from, const uint8_t *to)
{
	const uint8_t *at = (const uint8_t *)text.at;

	return !at || (at >= from && at <= to && text.len <= (size_t)(to - at));
}

static void
check_texts(const struct fnt_event *event, const uint8_t *from, const uint8_t *to)
{
	switch (event->type) {
	case FNT_EVENT_CALL:
		MUST(within(event->call.call_id, from, to));
		MUST(within(event->call.fn, from, to));
		MUST(within(event->call.user, from, to));
		MUST(within(event->call.tenant, from, to));
		break;
	case FNT_EVENT_USER:
	case FNT_EVENT_TENANT:
		MUST(within(event->text, from, to));
		break;
	case FNT_EVENT_OP:
	case FNT_EVENT_OP_BEGIN:
		MUST(within(event->op.entity.text, from, to));
		MUST(within(event->op.id, from, to));
		break;
	case FNT_EVENT_SCHEDULE:
		MUST(within(event->schedule.fn.text, from, to));
		break;
	case FNT_EVENT_ERROR:
		MUST(within(event->error.code, from, to));
		MUST(within(event->error.message, from, to));
		break;
	case FNT_EVENT_VALUE:
		MUST(within(event->value.bytes, from, to));
		break;
	default:
		break;
	}
}

/* Returns where the last event ends; `count`: how many there are. */
static size_t
walk(const uint8_t *data, size_t size, size_t *count, int *end)
{
	struct fnt_payload_reader reader = {data, data + size, 0};
	const uint8_t *sound = data;
	struct fnt_event event;

	*count = 0;
	while ((*end = fnt_payload_next(&reader, &event)) == 1) {
		MUST(reader.at > sound && reader.at <= reader.end);
		check_texts(&event, sound, reader.at);
		sound = reader.at;
		++*count;
	}
	MUST(*end == 0 || *end == -EBADMSG);
	MUST((*end == 0) == (sound == data + size));
	return (size_t)(sound - data);
}

/* ---- traces ---------------------------------------------------------------------- */

static void
check_text(const char *text)
{
	MUST(!text || fnt_utf8_valid(text, strlen(text)));
}

static void
check_trace(const struct fnt_trace *trace, size_t size)
{
	MUST(trace->call_id && trace->fn_name && trace->exe);
	check_text(trace->call_id);
	check_text(trace->fn_name);
	check_text(trace->user_id);
	check_text(trace->tenant_id);
	check_text(trace->code);
	check_text(trace->message);
	MUST(trace->op_count + trace->pending_count + trace->schedule_count <=
	     size / 3);
	for (size_t i = 0; i < trace->op_count; i++) {
		check_text(trace->ops[i].entity);
		check_text(trace->ops[i].id);
	}
	for (size_t i = 0; i < trace->pending_count; i++)
		check_text(trace->pending[i].entity);
	for (size_t i = 0; i < trace->schedule_count; i++)
		check_text(trace->schedules[i].fn_name);
	MUST(trace->value.len <= size);
}

static void
decode(struct fnt_trace_set *set, const struct fnt_view *view, const uint8_t *data,
       size_t size, uint8_t outcome)
{
	struct fnt_record_copy raw = {
		.head = {.payload_bytes = (uint32_t)size,
			 .fn_name = 1,
			 .exe = FNT_NAME_NONE,
			 .outcome = outcome},
		.payload = (char *)(uintptr_t)data,
	};
	const struct fnt_trace *trace = fnt_trace_set_add(set, view, &raw);
	char *json;
	size_t len;

	MUST(trace);
	check_trace(trace, size);
	MUST(fnt_trace_to_json(trace, &json, &len) == 0);
	MUST(strlen(json) == len && fnt_utf8_valid(json, len) && !strchr(json, '\n'));
	free(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fnt_view view = make_view();
	struct fnt_trace_set *set = fnt_trace_set_create();
	size_t sound, count, count_again;
	int end;

	MUST(set);
	if (size > 1 << 20)
		size = 1 << 20;
	sound = walk(data, size, &count, &end);
	MUST(walk(data, sound, &count_again, &end) == sound);
	MUST(count_again == count && end == 0);
	MUST(same_with_slack(data, size, 0) && same_with_slack(data, size, 0xce));
	decode(set, &view, data, size, (uint8_t)(size % 6));
	fnt_trace_set_reset(set);
	decode(set, &view, data, sound, FNT_OK);
	fnt_trace_set_destroy(set);
	return 0;
}
