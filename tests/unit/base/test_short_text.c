/* SPDX-License-Identifier: MIT
 *
 * test_short_text.c: loads of short texts go past their ends. That must never reach an
 * unmapped page, and bytes behind a text must never reach a reader of the region.
 */
#include "support/fixture.h"

#include "produce/call_events.h"
#include "base/short_text.h"

#include <sys/mman.h>

#define LONGEST 60u
#define BEHIND 64u /* bytes of a secret, behind the text */
#define SECRET 0xa5

/* A page with no access to the page after it. */
static char *
last_page(void)
{
	char *pages = mmap(NULL, 2 * FNT_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(pages != MAP_FAILED);
	MUST(!mprotect(pages + FNT_PAGE, FNT_PAGE, PROT_NONE));
	return pages;
}

static char *
write_text(char *at, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		at[i] = (char)('a' + (i * 7 + len) % 26);
	at[len] = '\0';
	return at;
}

/* Put the text in the page so that its NUL is `gap` bytes before the end; 1: in the
 * last. */
static char *
text_at_end(char *page, unsigned len, unsigned gap)
{
	memset(page + FNT_PAGE - gap, SECRET, gap);
	return write_text(page + FNT_PAGE - gap - len, len);
}

/* ---- lengths and copies ---------------------------------------------------------- */

static void
must_be_put(const char *text, size_t len, bool more)
{
	char room[2 * FNT_SHORT_TEXT];
	size_t written =
		len < FNT_SHORT_TEXT_STORED ? FNT_SHORT_TEXT_STORED : FNT_SHORT_TEXT;

	memset(room, 1, sizeof(room));
	MUST(fnt_short_text_copy(room, text, len, more) == room + len);
	MUST(!memcmp(room, text, len));
	for (size_t i = written; i < sizeof(room); i++)
		MUST(room[i] == 1);
#ifdef FNT_TEXT_VECTORS
	for (size_t i = len; !more && i < written; i++)
		MUST(!room[i]);
#endif
}

START_TEST(text_length_and_copy)
{
	char *page = last_page();

	fnt_short_text_init();
	for (unsigned len = 0; len <= LONGEST; len++)
		for (unsigned gap = 1; gap <= 2 * FNT_SHORT_TEXT; gap++) {
			const char *text = text_at_end(page, len, gap);
			size_t seen = fnt_short_text_len(text);

			if (len >= FNT_SHORT_TEXT ||
			    (seen == FNT_SHORT_TEXT && len + gap < FNT_SHORT_TEXT)) {
				ck_assert_uint_eq(seen, FNT_SHORT_TEXT);
				continue;
			}
			ck_assert_uint_eq(seen, len);
			must_be_put(text, len, false);
			must_be_put(text, len, true);
		}
}
END_TEST

/* ---- in calls -------------------------------------------------------------------- */

static void
record(struct fnt_log *log, const char *call_id, const char *user, const char *tenant,
       const char *op_id)
{
	struct fnt_call_info info = {.call_id = call_id,
				     .fn_name = "placeBid",
				     .user_id = user,
				     .tenant_id = tenant};
	struct fnt_call *call = fnt_call_begin(log, &info);

	MUST(fnt_call_op(call, FNT_OP_GET, "Lot", op_id, 10, 1, true) == FNT_DONE);
	MUST(!fnt_call_op_end(
		call, fnt_call_op_begin(call, FNT_OP_INSERT, "Bid", op_id), 1, true));
	MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
}

static void
must_be_recorded(struct fnt_log *log, const char *call_id, const char *user,
		 const char *tenant, const char *op_id)
{
	struct fnt_traces *traces = newest(log, 1);
	const struct fnt_trace *trace = &traces->items[0];

	ck_assert_str_eq(trace->call_id, call_id);
	ck_assert_pstr_eq(trace->user_id, user);
	ck_assert_pstr_eq(trace->tenant_id, tenant);
	ck_assert_uint_eq(trace->op_count, 2);
	ck_assert_str_eq(trace->ops[0].id, op_id);
	ck_assert_str_eq(trace->ops[1].id, op_id);
	fnt_traces_free(traces);
}

START_TEST(texts_at_end_of_memory)
{
	struct fnt_log *log = open_log("memory", NULL);
	char *page = last_page(), other[LONGEST + 1];

	for (unsigned len = 0; len <= LONGEST; len++)
		for (unsigned gap = 1; gap <= FNT_SHORT_TEXT; gap += ROUNDS(1, 5)) {
			const char *text = text_at_end(page, len, gap);
			const char *plain =
				write_text(other, (len * 7 + gap) % LONGEST);

			record(log, text, plain, NULL, text);
			must_be_recorded(log, text, plain, NULL, text);
			record(log, plain, text, text, plain);
			must_be_recorded(log, plain, text, text, plain);
		}
	fnt_log_close(log);
	must_be_sound("memory");
}
END_TEST

/* In every second round, put another text at the same place: with another byte
 * somewhere, or shorter, or longer. */
static void
change_name(char *name, unsigned len, unsigned gap, unsigned turn)
{
	if (turn == 1)
		name[(len + gap) % len] = 'Z';
	if (turn == 3)
		name[len - 1] = len > 1 ? '\0' : 'Z';
	if (turn == 5 && gap > 1)
		memcpy(name + len, "Z", 2);
}

/* Names are loaded in the same way, and may be as long or as short. */
START_TEST(names_at_end_of_memory)
{
	struct fnt_log *log = open_log("names", NULL);
	struct fnt_traces *traces;
	char *page = last_page();

	for (unsigned len = 1; len <= LONGEST; len++)
		for (unsigned gap = 1; gap <= 16; gap++)
			for (unsigned turn = 0; turn < 6; turn++) {
				char *name = text_at_end(page, len, gap);

				change_name(name, len, gap, turn);
				MUST(record_call(log, name, "id") == FNT_DONE);
				traces = newest(log, 1);
				ck_assert_str_eq(traces->items[0].fn_name, name);
				fnt_traces_free(traces);
			}
	fnt_log_close(log);
	must_be_sound("names");
}
END_TEST

/* ---- bytes behind a text --------------------------------------------------------- */

static const char *
map_region(const char *name, size_t *size)
{
	FILE *file = fopen(region_path(name, ".fnt"), "r");
	const char *bytes;

	MUST(file && !fseek(file, 0, SEEK_END));
	*size = (size_t)ftell(file);
	bytes = mmap(NULL, *size, PROT_READ, MAP_SHARED, fileno(file), 0);
	MUST(bytes != MAP_FAILED);
	fclose(file);
	return bytes;
}

/* A text, and the host's bytes behind it. */
static const char *
text_before_secret(char room[LONGEST + BEHIND + 1], unsigned len)
{
	write_text(room, len);
	memset(room + len + 1, SECRET, BEHIND);
	return room;
}

/* No part of the secret may be found, of a length that does not come up by chance. */
static void
must_not_hold_secrets(const char *bytes, size_t size)
{
	static const unsigned char some[6] = {SECRET, SECRET, SECRET,
					      SECRET, SECRET, SECRET};

	MUST(!memmem(bytes, size, some, sizeof(some)));
}

START_TEST(bytes_behind_a_text_stay_private)
{
	struct fnt_log *log = open_sized("behind", SMALLEST);
	char rooms[4][LONGEST + BEHIND + 1];
	size_t size;
	const char *bytes = map_region("behind", &size);
	struct rnd random = {1};
	char *page = last_page();

	for (unsigned round = 0; round < ROUNDS(6000, 600); round++) {
		struct fnt_call_info info = {.fn_name = "placeBid"};
		const char *texts[4];
		struct fnt_call *call;

		for (unsigned i = 0; i < 4; i++)
			texts[i] = text_before_secret(rooms[i], rnd(&random, LONGEST));
		info.call_id = texts[0];
		info.user_id = rnd(&random, 4) ? texts[1] : NULL;
		info.tenant_id = rnd(&random, 2) ? texts[2] : NULL;
		/* At the end of a page, a text is loaded byte by byte. This one is
		 * still only a byte or two longer than what was put before it. */
		if (!rnd(&random, 4))
			info.user_id = text_at_end(page, rnd(&random, 4),
						   1 + rnd(&random, 30));
		/* Look after each event, before the next one overwrites the bytes
		 * behind it. */
		call = fnt_call_begin(log, &info);
		must_not_hold_secrets(bytes, size);
		MUST(fnt_call_op(call, FNT_OP_GET, "Lot", texts[3], 10, 1, true) ==
		     FNT_DONE);
		must_not_hold_secrets(bytes, size);
		MUST(fnt_call_op_begin(call, FNT_OP_GET, "Lot", texts[3]) > 0);
		must_not_hold_secrets(bytes, size);
		MUST(fnt_call_finish_error(call, texts[1], texts[2]) == FNT_DONE);
		must_not_hold_secrets(bytes, size);
	}
	munmap((void *)(uintptr_t)bytes, size);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("short_text", text_length_and_copy, texts_at_end_of_memory,
	     names_at_end_of_memory, bytes_behind_a_text_stay_private)
