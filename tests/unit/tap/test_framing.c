/* SPDX-License-Identifier: MIT
 *
 * framing.h: each stream is cut at every place, and fed in steps of every size; the
 * messages must be the same.
 */
#include "tap/framing.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>

#define OUT_MAX 16384

/* Messages are listed each in brackets; '!' is something bad. */
struct listing {
	char text[OUT_MAX];
	size_t len;
	bool open; /* a message has begun */
};

static void
list(struct listing *out, const char *text, size_t len)
{
	ck_assert_uint_lt(out->len + len, OUT_MAX);
	memcpy(out->text + out->len, text, len);
	out->len += len;
	out->text[out->len] = '\0';
}

static void
list_piece(struct listing *out, const struct framing_piece *piece)
{
	ck_assert(!piece->end || !piece->bad);
	if (piece->len) {
		if (!out->open)
			list(out, "<", 1);
		out->open = true;
		list(out, piece->text, piece->len);
	}
	if (piece->end || piece->bad) {
		list(out, piece->bad ? "!" : ">", 1);
		out->open = false;
	}
}

static void
feed(struct framing *framing, const char *bytes, size_t len, struct listing *out)
{
	struct framing_piece piece;

	while (len) {
		size_t taken = framing_next(framing, bytes, len, &piece);

		ck_assert(taken >= 1 && taken <= len);
		list_piece(out, &piece);
		bytes += taken;
		len -= taken;
	}
}

/* Feed `stream` in steps of `step` bytes. */
static void
list_stream(enum framing_kind kind, const char *stream, size_t step,
	    struct listing *out)
{
	struct framing framing = {.kind = kind};
	struct framing_piece piece;
	size_t len = strlen(stream);

	*out = (struct listing){.len = 0};
	for (size_t at = 0; at < len; at += step)
		feed(&framing, stream + at, len - at < step ? len - at : step, out);
	framing_end(&framing, &piece);
	list_piece(out, &piece);
}

static void
expect(enum framing_kind kind, const char *stream, const char *expected)
{
	struct listing out;

	for (size_t step = 1; step <= strlen(stream); step++) {
		list_stream(kind, stream, step, &out);
		ck_assert_str_eq(out.text, expected);
	}
}

START_TEST(test_lines)
{
	expect(FRAMING_LINES, "{\"a\":1}\n{}\r\n\n  \n {2}", "<{\"a\":1}><{}\r><{2}>");
	expect(FRAMING_AUTO, "\n {1}\n{2}\n", "<{1}><{2}>");
	expect(FRAMING_AUTO, "hello\n{2}\n", "<hello><{2}>");
	expect(FRAMING_LINES, "Content-Length: 2\r\n\r\n{}",
	       "<Content-Length: 2\r><{}>");
}
END_TEST

START_TEST(test_batches)
{
	expect(FRAMING_LINES, "[{\"a\":[1,{}]} , {2}]\n{3}\n",
	       "<{\"a\":[1,{}]}><{2}><{3}>");
	expect(FRAMING_LINES, " [] \n{1}\n", "<{1}>");
	expect(FRAMING_LINES, "[{\"]}\\\"\":\"\\\\\"},[7]]\n",
	       "<{\"]}\\\"\":\"\\\\\"}><[7]>");
	/* Elements that are no messages, a batch that is cut off or goes on. */
	expect(FRAMING_LINES, "[1,{2},\"x\"]\n", "!<{2}>!");
	expect(FRAMING_LINES, "[{1}\n{2}\n", "<{1}>!<{2}>");
	expect(FRAMING_LINES, "[{1\n{2}\n", "<{1!<{2}>");
	expect(FRAMING_LINES, "[{1}] {2}\n{3}\n", "<{1}>!<{3}>");
	expect(FRAMING_LINES, "[{1}", "<{1}>!");
	expect(FRAMING_HEADERS, "Content-Length: 6\r\n\r\n[{1},{", "<{1}><{!");
	expect(FRAMING_HEADERS, "Content-Length: 9\r\n\r\n[{1},{2}]", "<{1}><{2}>");
}
END_TEST

START_TEST(test_headers)
{
	expect(FRAMING_AUTO,
	       "Content-Length: 4\r\n\r\n{\n1}content-length:3\r\nX: y\r\n\r\n{2}",
	       "<{\n1}><{2}>");
	expect(FRAMING_HEADERS,
	       "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n"
	       "Content-Length: 2\r\n\r\n{}",
	       "<{}>");
	expect(FRAMING_HEADERS, "CONTENT-LENGTH:2 \n\n{}", "<{}>");
	/* Names that begin alike; the last length counts. */
	expect(FRAMING_HEADERS,
	       "Content-Lengthy: 9\r\nContent: 8\r\nContent-Length: 7\r\n"
	       "Content-Length: 2\r\n\r\n{}",
	       "<{}>");
}
END_TEST

START_TEST(test_bad_headers)
{
	const char *good = "Content-Length: 2\r\n\r\n{}";
	const char *bad[] = {
		"hello\r\n\r\n",
		"Content-Length: x\r\n\r\n",
		"Content-Length: 1x\r\n\r\n",
		"Content-Length: -1\r\n\r\n",
		"Content-Length:\r\n\r\n",
		"Content-Length: 99999999999999999999999\r\n\r\n",
		"\r\n\r\n",
		"Content-Length: x Conten",
		"Content-Length: x CContent-LenContent-lengt",
	};
	char stream[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(stream, sizeof(stream), "%s%s", bad[i], good);
		expect(FRAMING_HEADERS, stream, "!<{}>");
	}
	expect(FRAMING_HEADERS, "Content-Length: 0\r\n\r\nContent-Length: 2\r\n\r\n{}",
	       "!<{}>");
	expect(FRAMING_HEADERS, "Content-Length: 9\r\n\r\n{1}", "<{1}!");
	expect(FRAMING_HEADERS, "Content-Len", "!");
	expect(FRAMING_HEADERS, "", "");
}
END_TEST

/* A header that never ends. */
START_TEST(test_long_header)
{
	static char stream[2 * FRAMING_HEADER_MAX];
	struct listing out;

	memset(stream, 'x', sizeof(stream) - 64);
	strcat(stream, "Content-Length: 2\r\n\r\n{}");
	list_stream(FRAMING_HEADERS, stream, 1, &out);
	ck_assert_str_eq(out.text, "!<{}>");
	list_stream(FRAMING_HEADERS, stream, sizeof(stream), &out);
	ck_assert_str_eq(out.text, "!<{}>");
}
END_TEST

/* Any bytes: every call takes some, and never more than there are. */
START_TEST(test_any_bytes)
{
	static const char alphabet[] = "{}[]\",\\ \r\nC:0123content-length: ";
	struct framing framing[3] = {{.kind = FRAMING_AUTO},
				     {.kind = FRAMING_LINES},
				     {.kind = FRAMING_HEADERS}};
	struct framing_piece piece;
	unsigned seed = 1;

	for (int round = 0; round < 20000; round++) {
		char bytes[64];

		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * 1103515245 + 12345;
			bytes[i] = alphabet[seed / 65536 % (sizeof(alphabet) - 1)];
		}
		for (int kind = 0; kind < 3; kind++) {
			size_t at = 0;

			while (at < sizeof(bytes)) {
				size_t left = sizeof(bytes) - at;
				size_t taken = framing_next(&framing[kind], bytes + at,
							    left, &piece);

				MUST(taken >= 1 && taken <= left);
				MUST(!piece.len ||
				     (piece.text >= bytes &&
				      piece.text + piece.len <= bytes + sizeof(bytes)));
				at += taken;
			}
		}
	}
}
END_TEST

int
main(void)
{
	return SUITE_RUN("framing", test_lines, test_batches, test_headers,
			 test_bad_headers, test_long_header, test_any_bytes);
}
