/* SPDX-License-Identifier: MIT
 *
 * test_traceparent.c: the caller as text. What the W3C standard calls valid is
 * accepted, and nothing else; trees of calls continue across processes by it.
 */
#include "produce/traceparent.h"

#include "support/fixture.h"

#include <inttypes.h>
#include <regex.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"
#define IDS "-" TRACE "-" PARENT "-"
#define HIGH UINT64_C(0x0af7651916cd43dd)
#define LOW UINT64_C(0x8448eb211c80319c)
#define CALLER UINT64_C(0xb7ad6b7169203331)

/* Parse from memory that ends with the text, so that ASan reports a read past it. A
 * text that is not valid must leave the ids as they were. */
static bool
parses(const char *text)
{
	char *copy = strdup(text);
	uint64_t trace_id[2] = {1, 2}, parent_uid = 3;
	uint32_t flags = 4;
	bool valid = fnt_traceparent_parse(copy, trace_id, &parent_uid, &flags);

	free(copy);
	if (!valid)
		MUST(trace_id[0] == 1 && trace_id[1] == 2 && parent_uid == 3 &&
		     flags == 4);
	return valid;
}

START_TEST(valid_texts_are_parsed)
{
	static const char *const valid[] = {
		"00" IDS "01",
		"00" IDS "00",
		"00" IDS "ff",
		"00" IDS "3c",
		"01" IDS "01",
		"fe" IDS "00",
		"cc" IDS "01-x",
		"01" IDS "01-",
		"cc" IDS "01-what-the-future-will-be-like",
	};

	for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++) {
		uint64_t trace_id[2] = {0}, parent_uid = 0;
		uint32_t flags = 4;

		if (!fnt_traceparent_parse(valid[i], trace_id, &parent_uid, &flags))
			ck_abort_msg("refused: %s", valid[i]);
		ck_assert_uint_eq(flags, strtoul(valid[i] + 53, NULL, 16) & 3);
		ck_assert_uint_eq(trace_id[0], HIGH);
		ck_assert_uint_eq(trace_id[1], LOW);
		ck_assert_uint_eq(parent_uid, CALLER);
	}
}
END_TEST

START_TEST(invalid_texts_change_nothing)
{
	static const char *const invalid[] = {
		"",
		"0",
		"00",
		"00-",
		"00" IDS,
		"00" IDS "0",
		"00" IDS "01-", /* version 00 has no more fields */
		"00" IDS "01-00",
		"00" IDS "01.",
		"00" IDS "011",
		"01" IDS "01.x", /* in later versions a dash must follow */
		"01" IDS "011",
		"ff" IDS "01",
		"ff" IDS "01-x",
		"0" IDS "01",
		"000" IDS "01",
		" 00" IDS "01",
		"00" IDS "01 ",
		"00" IDS "01\n",
		"00" IDS "0 ",
		"FE" IDS "01",
		"0A" IDS "01",
		"00" IDS "0A",
		"00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
		"00-0af7651916cd43dd8448eb211c80319C-" PARENT "-01",
		"00-" TRACE "-B7AD6B7169203331-01",
		"00-00000000000000000000000000000000-" PARENT "-01",
		"00-" TRACE "-0000000000000000-01",
		"cc-" TRACE "-0000000000000000-01",
		"00-" TRACE "0-" PARENT "-01",
		"00-af7651916cd43dd8448eb211c80319c-" PARENT "-01",
		"00-" TRACE "-b7ad6b716920333-01",
		"00-" TRACE "-" PARENT "0-01",
		"00_" TRACE "-" PARENT "-01",
		"00-" TRACE "_" PARENT "-01",
		"00-" TRACE "-" PARENT "_01",
		"00-" TRACE "--" PARENT "-01",
		"00-+af7651916cd43dd8448eb211c80319c-" PARENT "-01",
		"00-0x7651916cd43dd8448eb211c80319c0-" PARENT "-01",
		"0g" IDS "01",
		"00" IDS "0g",
		"\xff\xfe" IDS "01",
	};

	for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++)
		if (parses(invalid[i]))
			ck_abort_msg("accepted: %s", invalid[i]);
}
END_TEST

/* Half of an id may be zero, but not all of it. */
START_TEST(ids_of_zeros_are_invalid)
{
	ck_assert(parses("00-0000000000000000844000000000019c-" PARENT "-01"));
	ck_assert(parses("00-0af76519000000000000000000000000-" PARENT "-01"));
	ck_assert(parses("00-00000000000000000000000000000001-0000000000000001-00"));
}
END_TEST

static bool
has_zero_id(const char *text)
{
	return strspn(text + 3, "0") >= 32 || strspn(text + 36, "0") >= 16;
}

/* The same rules, written in another way. */
static bool
should_parse(const regex_t *shape, const char *text)
{
	if (regexec(shape, text, 0, NULL, 0) != 0 || !strncmp(text, "ff", 2))
		return false;
	return !has_zero_id(text) &&
	       (strncmp(text, "00", 2) != 0 || strlen(text) == 55);
}

/* Every byte at every place, every length, and many changes at once. */
START_TEST(agrees_with_a_second_parser)
{
	static const char *const seeds[] = {"00" IDS "01", "fe" IDS "01-more",
					    "00-000000000000000000000000000000a0"
					    "-00000000000b0000-00"};
	struct rnd r = {1};
	regex_t shape;
	unsigned taken = 0;

	ck_assert(!regcomp(&shape,
			   "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$",
			   REG_EXTENDED | REG_NOSUB));
	for (size_t seed = 0; seed < 3; seed++) {
		size_t len = strlen(seeds[seed]);
		char text[80];

		for (size_t at = 0; at <= len; at++)
			for (int byte = 0; byte < 256; byte++) {
				strcpy(text, seeds[seed]);
				text[at] = (char)byte;
				text[len + 1] = '\0';
				MUST(parses(text) == should_parse(&shape, text));
				taken += parses(text);
			}
		for (int i = 0; i < ROUNDS(20000, 2000); i++) {
			strcpy(text, seeds[seed]);
			for (uint32_t n = rnd(&r, 4); n; n--)
				text[rnd(&r, (uint32_t)len)] =
					"0123456789abcdefF-g\n\0"[rnd(&r, 21)];
			MUST(parses(text) == should_parse(&shape, text));
		}
	}
	regfree(&shape);
	ck_assert_uint_gt(taken, 1000);
}
END_TEST

START_TEST(written_text_is_read_again)
{
	struct rnd r = {7};

	for (int i = 0; i < 1000; i++) {
		uint64_t id[2], uid, back[2], parent_uid;
		uint32_t flags = rnd(&r, 4), flags_back;
		char text[FNT_TRACEPARENT_BYTES], want[FNT_TRACEPARENT_BYTES + 8];

		id[0] = (uint64_t)rnd(&r, UINT32_MAX) << rnd(&r, 33);
		id[1] = (uint64_t)rnd(&r, UINT32_MAX) << rnd(&r, 33) | 1;
		uid = (uint64_t)rnd(&r, UINT32_MAX) << rnd(&r, 33) | 1;
		memset(text, 'x', sizeof(text));
		fnt_traceparent_format(text, id, uid, flags | 4u << rnd(&r, 29));
		snprintf(want, sizeof(want),
			 "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-0%u", id[0],
			 id[1], uid, flags);
		ck_assert_str_eq(text, want);
		MUST(fnt_traceparent_parse(text, back, &parent_uid, &flags_back));
		MUST(flags_back == flags && back[0] == id[0] && back[1] == id[1] &&
		     parent_uid == uid);
	}
}
END_TEST

/* ---- calls ----------------------------------------------------------------------- */

static void
check_parents(struct fnt_log *log, const struct fnt_call_info *info, uint64_t high,
	      uint64_t low, uint64_t parent_uid)
{
	struct fnt_call *call = fnt_call_begin(log, info);
	struct fnt_traces *traces;
	uint64_t id[2];

	fnt_call_trace_id(call, id);
	ck_assert_uint_eq(id[0], high);
	ck_assert_uint_eq(id[1], low);
	ck_assert_int_eq(fnt_call_finish_ok(call, NULL), FNT_DONE);
	traces = newest(log, 1);
	ck_assert_uint_eq(traces->items[0].trace_id[0], high);
	ck_assert_uint_eq(traces->items[0].trace_id[1], low);
	ck_assert_uint_eq(traces->items[0].parent_uid, parent_uid);
	fnt_traces_free(traces);
}

START_TEST(parent_goes_before_traceparent)
{
	struct fnt_log *log = open_log("order", NULL);
	struct fnt_call *parent = begin_call(log, "parent", "p");
	struct fnt_call_info info = {
		.parent = parent,
		.traceparent = "00" IDS "01",
		.parent_uid = 11,
		.trace_id = {12, 13},
	};
	uint64_t id[2];

	fnt_call_trace_id(parent, id);
	check_parents(log, &info, id[0], id[1], fnt_call_uid(parent));
	info.parent = NULL;
	check_parents(log, &info, HIGH, LOW, CALLER);
	/* the caller does not sample; it is recorded all the same */
	info.traceparent = "00" IDS "00";
	check_parents(log, &info, HIGH, LOW, CALLER);
	info.traceparent = "ff" IDS "01";
	check_parents(log, &info, 12, 13, 11);
	info.traceparent = NULL;
	check_parents(log, &info, 12, 13, 11);
	fnt_call_abandon(parent);
	fnt_log_close(log);
}
END_TEST

START_TEST(invalid_traceparent_begins_a_tree)
{
	static const char *const invalid[] = {"", "00", "ff" IDS "01", "00" IDS "0A"};
	struct fnt_log *log = open_log("roots", NULL);

	for (size_t i = 0; i < 4; i++) {
		struct fnt_call_info info = {.traceparent = invalid[i]};
		struct fnt_call *call = fnt_call_begin(log, &info);
		struct fnt_traces *traces;
		uint64_t id[2];

		fnt_call_trace_id(call, id);
		ck_assert(id[0] && id[1] && id[0] != HIGH);
		fnt_call_finish_ok(call, NULL);
		traces = newest(log, 1);
		ck_assert_uint_eq(traces->items[0].parent_uid, 0);
		fnt_traces_free(traces);
	}
	fnt_log_close(log);
}
END_TEST

/* Begin a call and one that it makes. Both pass on the same flags, which are also in
 * the call's trace. */
static void
check_flags(struct fnt_log *log, const struct fnt_call_info *info, const char *flags)
{
	struct fnt_call *call = fnt_call_begin(log, info);
	struct fnt_call *inner =
		fnt_call_begin(log, &(struct fnt_call_info){.parent = call});
	struct fnt_traces *traces;
	char text[56], *json, want[32];

	ck_assert(!fnt_call_traceparent(call, text));
	ck_assert_str_eq(text + 53, flags);
	ck_assert(!fnt_call_traceparent(inner, text));
	ck_assert_str_eq(text + 53, flags);
	fnt_call_finish_error(inner, "E", "m");
	fnt_call_finish_error(call, "E", "m");
	traces = newest(log, 2);
	snprintf(want, sizeof(want), "\"trace_flags\":%s,", flags + 1);
	for (int i = 0; i < 2; i++) {
		ck_assert(!fnt_trace_to_json(&traces->items[i], &json, NULL));
		ck_assert_ptr_nonnull(strstr(json, want));
		free(json);
	}
	fnt_traces_free(traces);
}

/* What is recorded here is decided when a call ends: that changes no flag. */
START_TEST(flags_of_a_tree_are_passed_on)
{
	static const char *const settings[] = {NULL, "keep=0", "keep=1 slow=1s",
					       "capture.ids=off", "capture.users=hash"};

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		char name[16];
		struct fnt_log *log;

		snprintf(name, sizeof(name), "flags%zu", i);
		log = open_log(name, &(struct fnt_options){.settings = settings[i]});
		for (int round = 0; round < 3; round++) {
			check_flags(
				log,
				&(struct fnt_call_info){.traceparent = "00" IDS "00"},
				"00");
			check_flags(
				log,
				&(struct fnt_call_info){.traceparent = "00" IDS "01"},
				"01");
			check_flags(
				log,
				&(struct fnt_call_info){.traceparent = "00" IDS "02"},
				"02");
			check_flags(
				log,
				&(struct fnt_call_info){.traceparent = "00" IDS "03"},
				"03");
			/* Bits of a later version are not passed on. */
			check_flags(
				log,
				&(struct fnt_call_info){.traceparent = "01" IDS "fe"},
				"02");
			/* Ids of the host's own: nobody says that they are random. */
			check_flags(log,
				    &(struct fnt_call_info){.parent_uid = 5,
							    .trace_id = {6, 7}},
				    "01");
			/* Our own trees have random ids. One that `keep` leaves out is
			 * recorded only if it fails. */
			check_flags(log, &(struct fnt_call_info){.fn_name = "f"},
				    i == 1 ? "02" : "03");
			check_flags(log, &(struct fnt_call_info){.traceparent = "bad"},
				    i == 1 ? "02" : "03");
		}
		fnt_log_close(log);
	}
}
END_TEST

START_TEST(null_call_has_no_traceparent)
{
	char text[56] = "something";

	ck_assert_int_eq(fnt_call_traceparent(NULL, text), -ESHUTDOWN);
	ck_assert_str_eq(text, "");
}
END_TEST

#define HOPS 6

/* Each process calls the next, which knows only the text. */
static void
hop(struct fnt_log *log, const char *traceparent, int left)
{
	char id[16], text[56];
	struct fnt_call *call;

	snprintf(id, sizeof(id), "h%d", left);
	call = fnt_call_begin(log, &(struct fnt_call_info){.call_id = id,
							   .fn_name = "hop",
							   .traceparent = traceparent});
	CHILD_MUST(!fnt_call_traceparent(call, text));
	if (left) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			hop(log, text, left - 1);
			_exit(0);
		}
		CHILD_MUST(waitpid(pid, &status, 0) == pid && status == 0);
	}
	CHILD_MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
}

START_TEST(tree_across_processes)
{
	struct fnt_log *log = open_log("hops", NULL);
	struct fnt_traces *traces;

	hop(log, NULL, HOPS);
	traces = newest(log, 100);
	ck_assert_uint_eq(traces->count, HOPS + 1);
	for (size_t i = 0; i < traces->count; i++) {
		const struct fnt_trace *trace = &traces->items[i];

		MUST(trace->trace_id[0] == traces->items[0].trace_id[0] &&
		     trace->trace_id[1] == traces->items[0].trace_id[1]);
		/* Newest first: a caller ends after the call it made. */
		if (i == 0)
			MUST(trace->parent_uid == 0);
		else
			MUST(trace->parent_uid == traces->items[i - 1].uid &&
			     trace->pid != traces->items[i - 1].pid);
	}
	fnt_traces_free(traces);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("traceparent", valid_texts_are_parsed, invalid_texts_change_nothing,
	     ids_of_zeros_are_invalid, agrees_with_a_second_parser,
	     written_text_is_read_again, parent_goes_before_traceparent,
	     invalid_traceparent_begins_a_tree, flags_of_a_tree_are_passed_on,
	     null_call_has_no_traceparent, tree_across_processes)
