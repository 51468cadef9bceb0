/* SPDX-License-Identifier: MIT */
#include "tap/framing.h"

#include <string.h>

/* States of the headers. */
enum {
	IN_HEADER = 0,
	IN_LENGTH, /* within the number after "Content-Length:" */
	IN_BODY,
	LOST, /* a header made no sense: look for the next one */
};

/* States within a line or a body. */
enum {
	AT_START = 0,
	IN_MESSAGE,   /* no batch */
	IN_BATCH,     /* between elements */
	IN_ELEMENT,   /* an object or array of a batch */
	IN_SCALAR,    /* another element, which is no message */
	AFTER_BATCH,  /* behind its last bracket */
	BATCH_BROKEN, /* not an array; the rest of the line or body is passed over */
};

static const char length_name[] = "content-length:";
#define LENGTH_NAME_LEN (sizeof(length_name) - 1)

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ---- batches -------------------------------------------------------------------- */

/* The end of a batch's element, if it is within the bytes; else `end`. Sets *complete.
 */
static const char *
find_element_end(struct framing *framing, const char *p, const char *end,
		 bool *complete)
{
	*complete = false;
	for (; p < end && !*complete; p++) {
		if (framing->in_escape) {
			framing->in_escape = false;
		} else if (framing->in_string) {
			framing->in_escape = *p == '\\';
			framing->in_string = *p != '"';
		} else if (*p == '"') {
			framing->in_string = true;
		} else if (*p == '{' || *p == '[') {
			framing->depth++;
		} else if (*p == '}' || *p == ']') {
			*complete = --framing->depth == 0;
		}
	}
	return p;
}

/* One byte between the elements of a batch. Returns false if an element begins with
 * it, which is not taken. */
static bool
take_between(struct framing *framing, char c, struct framing_piece *piece)
{
	if (c == '{' || c == '[') {
		framing->depth = 0;
		framing->in_string = framing->in_escape = false;
		framing->batch = IN_ELEMENT;
		return false;
	}
	if (c == ']') {
		framing->batch = AFTER_BATCH;
	} else if (!is_space(c) && c != ',') {
		framing->batch = IN_SCALAR;
		piece->bad = true;
	}
	return true;
}

static size_t
next_of_batch(struct framing *framing, const char *bytes, size_t len,
	      struct framing_piece *piece)
{
	const char *p = bytes, *end = bytes + len;

	switch (framing->batch) {
	case IN_BATCH:
		while (p < end && framing->batch == IN_BATCH &&
		       take_between(framing, *p, piece))
			p++;
		break;
	case IN_ELEMENT:
		p = find_element_end(framing, p, end, &piece->end);
		piece->text = bytes;
		piece->len = (size_t)(p - bytes);
		if (piece->end)
			framing->batch = IN_BATCH;
		break;
	case IN_SCALAR:
		while (p < end && *p != ',' && *p != ']')
			p++;
		if (p < end)
			framing->batch = IN_BATCH;
		break;
	case AFTER_BATCH:
		while (p < end && is_space(*p))
			p++;
		if (p < end) {
			framing->batch = BATCH_BROKEN;
			piece->bad = true;
		}
		break;
	default:
		p = end;
	}
	return (size_t)(p - bytes);
}

/* Take some of the `len` bytes of a line or body. May take none when the state has
 * changed. */
static size_t
next_of_text(struct framing *framing, const char *bytes, size_t len,
	     struct framing_piece *piece)
{
	size_t spaces = 0;

	if (framing->batch == IN_MESSAGE) {
		piece->text = bytes;
		piece->len = len;
		return len;
	}
	if (framing->batch != AT_START)
		return next_of_batch(framing, bytes, len, piece);
	while (spaces < len && is_space(bytes[spaces]))
		spaces++;
	if (spaces == len)
		return len;
	framing->any = true;
	framing->batch = bytes[spaces] == '[' ? IN_BATCH : IN_MESSAGE;
	return spaces + (bytes[spaces] == '[');
}

/* As next_of_text(), but takes at least one byte or finds something. */
static size_t
take_text(struct framing *framing, const char *bytes, size_t len,
	  struct framing_piece *piece)
{
	size_t taken = 0;

	while (taken < len && !piece->text && !piece->bad)
		taken += next_of_text(framing, bytes + taken, len - taken, piece);
	return taken;
}

/* The line or body is over. */
static void
end_text(struct framing *framing, struct framing_piece *piece)
{
	if (framing->batch == IN_MESSAGE)
		piece->end = true;
	else if (framing->batch != AFTER_BATCH && framing->batch != BATCH_BROKEN)
		piece->bad = piece->bad || framing->any;
	framing->batch = AT_START;
	framing->any = false;
}

/* ---- lines ---------------------------------------------------------------------- */

static size_t
next_of_line(struct framing *framing, const char *bytes, size_t len,
	     struct framing_piece *piece)
{
	const char *newline = memchr(bytes, '\n', len);
	size_t part = newline ? (size_t)(newline - bytes) : len;
	size_t taken = take_text(framing, bytes, part, piece);

	/* A piece that ends is given before the line's own end is looked at. */
	if (taken < part || !newline || piece->end || piece->bad)
		return taken ? taken : 1;
	end_text(framing, piece);
	return part + 1;
}

/* ---- headers -------------------------------------------------------------------- */

static void
begin_header(struct framing *framing)
{
	framing->state = IN_HEADER;
	framing->header_len = framing->matched = 0;
	framing->has_length = false;
	framing->body_left = 0;
}

static void
lose(struct framing *framing, struct framing_piece *piece)
{
	begin_header(framing);
	framing->state = LOST;
	piece->bad = true;
}

/* The end of a header's line, which is the header's end if the line is empty. */
static void
end_header_line(struct framing *framing, bool empty, struct framing_piece *piece)
{
	framing->state = IN_HEADER;
	framing->matched = 0;
	if (!empty)
		return;
	if (!framing->has_length) {
		lose(framing, piece);
	} else if (framing->body_left) {
		framing->state = IN_BODY;
	} else {
		begin_header(framing);
		piece->bad = true;
	}
}

/* One byte of the number after "Content-Length:". */
static void
take_length(struct framing *framing, char c, struct framing_piece *piece)
{
	if (c >= '0' && c <= '9') {
		framing->has_length = true;
		framing->body_left = framing->body_left * 10 + (uint64_t)(c - '0');
		if (framing->body_left > FRAMING_BODY_MAX)
			lose(framing, piece);
	} else if (c == '\n') {
		end_header_line(framing, false, piece);
	} else if (!is_space(c)) {
		lose(framing, piece);
	}
}

/* `matched` in a line that is not Content-Length. */
#define OTHER_LINE (LENGTH_NAME_LEN + 1)

static void
take_header(struct framing *framing, char c, struct framing_piece *piece)
{
	if (++framing->header_len > FRAMING_HEADER_MAX) {
		lose(framing, piece);
	} else if (framing->state == IN_LENGTH) {
		take_length(framing, c, piece);
	} else if (c == '\n') {
		end_header_line(framing, framing->matched == 0, piece);
	} else if (c == '\r') {
		return;
	} else if (framing->matched < LENGTH_NAME_LEN &&
		   lower(c) == length_name[framing->matched]) {
		if (++framing->matched < LENGTH_NAME_LEN)
			return;
		framing->state = IN_LENGTH;
		framing->has_length = false;
		framing->body_left = 0;
	} else {
		framing->matched = OTHER_LINE;
	}
}

/* Look for "Content-Length:", whose first byte occurs only once in it. */
static void
take_lost(struct framing *framing, char c)
{
	if (lower(c) != length_name[framing->matched])
		framing->matched = 0;
	if (lower(c) == length_name[framing->matched] &&
	    ++framing->matched == LENGTH_NAME_LEN) {
		begin_header(framing);
		framing->state = IN_LENGTH;
		framing->matched = LENGTH_NAME_LEN;
	}
}

static size_t
next_of_body(struct framing *framing, const char *bytes, size_t len,
	     struct framing_piece *piece)
{
	size_t part = framing->body_left < len ? (size_t)framing->body_left : len;
	size_t taken = take_text(framing, bytes, part, piece);

	framing->body_left -= taken;
	if (framing->body_left)
		return taken;
	if (!piece->end)
		end_text(framing, piece);
	framing->batch = AT_START;
	framing->any = false;
	begin_header(framing);
	return taken;
}

static size_t
next_of_header(struct framing *framing, const char *bytes, size_t len,
	       struct framing_piece *piece)
{
	size_t taken = 0;

	while (taken < len && framing->state != IN_BODY && !piece->bad) {
		char c = bytes[taken++];

		if (framing->state == LOST)
			take_lost(framing, c);
		else
			take_header(framing, c, piece);
	}
	return taken;
}

/* ---- the stream ----------------------------------------------------------------- */

size_t
framing_next(struct framing *framing, const char *bytes, size_t len,
	     struct framing_piece *piece)
{
	*piece = (struct framing_piece){0};
	if (framing->kind == FRAMING_AUTO) {
		if (is_space(*bytes))
			return 1;
		framing->kind = lower(*bytes) == 'c' ? FRAMING_HEADERS : FRAMING_LINES;
	}
	if (framing->kind == FRAMING_LINES)
		return next_of_line(framing, bytes, len, piece);
	return framing->state == IN_BODY ? next_of_body(framing, bytes, len, piece)
					 : next_of_header(framing, bytes, len, piece);
}

void
framing_end(struct framing *framing, struct framing_piece *piece)
{
	*piece = (struct framing_piece){0};
	if (framing->kind == FRAMING_LINES) {
		end_text(framing, piece);
		return;
	}
	piece->bad = framing->kind == FRAMING_HEADERS && framing->state != LOST &&
		     (framing->header_len || framing->state == IN_BODY);
	begin_header(framing);
	framing->batch = AT_START;
	framing->any = false;
}
