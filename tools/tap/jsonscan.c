/* SPDX-License-Identifier: MIT */
#include "tap/jsonscan_number.h"
#include "tap/jsonscan_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum state {
	EXPECT_VALUE,
	EXPECT_ITEM_OR_END, /* after [ */
	EXPECT_NAME_OR_END, /* after { */
	EXPECT_NAME,	    /* after , in an object */
	EXPECT_COLON,
	AFTER_VALUE,
	IN_STRING,
	IN_ESCAPE,
	IN_HEX,
	IN_LITERAL,
	IN_NUMBER,
	DEEP, /* below the deepest level whose brackets are checked */
	DEEP_STRING,
	DEEP_ESCAPE,
	FAILED,
};

int
jsonscan_init(struct jsonscan *scan, const struct jsonscan_want *wants, int count)
{
	memset(scan, 0, sizeof(*scan));
	for (int i = 0; i < count; i++) {
		int depth = 1;

		if (wants[i].name && strlen(wants[i].name) > JSONSCAN_NAME_MAX)
			return -EINVAL;
		for (int up = i; wants[up].parent != JSONSCAN_TOP; depth++) {
			if (wants[up].parent < 0 || wants[up].parent >= up)
				return -EINVAL;
			up = wants[up].parent;
		}
		if (depth > JSONSCAN_WANT_DEPTH)
			return -EINVAL;
	}
	scan->fields = calloc((size_t)count + 1, sizeof(*scan->fields));
	if (!scan->fields)
		return -ENOMEM;
	scan->wants = wants;
	scan->want_count = count;
	jsonscan_reset(scan);
	return 0;
}

void
jsonscan_fini(struct jsonscan *scan)
{
	for (int i = 0; i < scan->want_count; i++)
		free(scan->fields[i].text);
	free(scan->fields);
	memset(scan, 0, sizeof(*scan));
}

void
jsonscan_reset(struct jsonscan *scan)
{
	for (int i = 0; i < scan->want_count; i++)
		jsonscan_clear_field(&scan->fields[i]);
	scan->state = EXPECT_VALUE;
	scan->depth = 0;
	scan->field = JSONSCAN_NONE;
	scan->raw = JSONSCAN_NONE;
	scan->high = 0;
	scan->in_key = false;
	scan->too_deep = false;
}

bool
jsonscan_failed(const struct jsonscan *scan)
{
	return scan->state == FAILED;
}

/* ---- structure ------------------------------------------------------------------ */

static bool
in_object(const struct jsonscan *scan)
{
	return scan->object_bits[scan->depth / 64] >> (scan->depth % 64) & 1;
}

static bool
is_within(const struct jsonscan *scan, int index, int outer)
{
	while (index != outer && index != JSONSCAN_TOP)
		index = scan->wants[index].parent;
	return index == outer;
}

/* A member's name is complete: find the want it belongs to. If the name occurred before
 * in this object, what was found there and inside it is cleared. */
static void
choose_field(struct jsonscan *scan)
{
	int scope = JSONSCAN_NONE;

	scan->field = JSONSCAN_NONE;
	if (scan->depth <= JSONSCAN_WANT_DEPTH)
		scope = scan->scope[scan->depth];
	if (scope == JSONSCAN_NONE || scan->key_len > JSONSCAN_NAME_MAX)
		return;
	scan->key[scan->key_len] = '\0';
	for (int i = 0; i < scan->want_count; i++) {
		const struct jsonscan_want *want = &scan->wants[i];

		if (want->parent == scope && want->name &&
		    !strcmp(want->name, scan->key))
			scan->field = i;
		if (scan->field != JSONSCAN_NONE && is_within(scan, i, scan->field))
			jsonscan_clear_field(&scan->fields[i]);
	}
}

/* An item of an array begins. The field that its value belongs to, if any. */
static int
choose_item(struct jsonscan *scan)
{
	int array = JSONSCAN_NONE;

	if (scan->depth <= JSONSCAN_WANT_DEPTH)
		array = scan->scope[scan->depth];
	if (array < 0 || scan->fields[array].item_count++)
		return JSONSCAN_NONE;
	for (int i = array + 1; i < scan->want_count; i++)
		if (scan->wants[i].parent == array && !scan->wants[i].name)
			return i;
	return JSONSCAN_NONE;
}

static void
begin_value(struct jsonscan *scan, enum json_type type)
{
	if (scan->depth > 0 && !in_object(scan))
		scan->field = choose_item(scan);
	if (scan->field == JSONSCAN_NONE)
		return;
	scan->fields[scan->field].type = type;
	if (scan->wants[scan->field].raw && scan->raw == JSONSCAN_NONE) {
		scan->raw = scan->field;
		scan->raw_depth = scan->depth;
	}
}

static void
push_level(struct jsonscan *scan, bool object)
{
	uint64_t bit;

	if (scan->depth == JSONSCAN_DEPTH_MAX) {
		scan->too_deep = true;
		scan->below = 1;
		scan->state = DEEP;
		return;
	}
	scan->depth++;
	bit = UINT64_C(1) << (scan->depth % 64);
	if (object)
		scan->object_bits[scan->depth / 64] |= bit;
	else
		scan->object_bits[scan->depth / 64] &= ~bit;
	if (scan->depth <= JSONSCAN_WANT_DEPTH)
		scan->scope[scan->depth] =
			scan->depth == 1 ? (object ? JSONSCAN_TOP : JSONSCAN_NONE)
					 : scan->field;
	scan->field = JSONSCAN_NONE;
	scan->state = object ? EXPECT_NAME_OR_END : EXPECT_ITEM_OR_END;
}

static void
begin_string(struct jsonscan *scan, bool key)
{
	scan->in_key = key;
	scan->key_len = 0;
	scan->state = IN_STRING;
	/* An empty string gets an empty text, not none. */
	if (!key && scan->field != JSONSCAN_NONE && !scan->wants[scan->field].raw)
		jsonscan_keep(scan, scan->field, "", 0);
}

static void
begin_literal(struct jsonscan *scan, enum json_type type, const char *rest)
{
	begin_value(scan, type);
	scan->literal = rest;
	scan->state = IN_LITERAL;
}

/* Keep digits of the number being read. */
static void
keep_number(struct jsonscan *scan, const char *bytes, size_t len)
{
	if (scan->field != JSONSCAN_NONE && !scan->wants[scan->field].raw)
		jsonscan_keep(scan, scan->field, bytes, len);
}

static void
begin_number(struct jsonscan *scan, char c)
{
	begin_value(scan, JSON_NUMBER);
	keep_number(scan, &c, 1);
	jsonscan_number_begin(scan, c);
	scan->state = IN_NUMBER;
}

static void
end_string(struct jsonscan *scan)
{
	jsonscan_flush(scan);
	if (scan->in_key) {
		choose_field(scan);
		scan->in_key = false;
		scan->state = EXPECT_COLON;
		return;
	}
	if (scan->field != JSONSCAN_NONE && !scan->wants[scan->field].raw)
		jsonscan_trim(&scan->fields[scan->field]);
	scan->state = AFTER_VALUE;
}

/* ---- bytes ---------------------------------------------------------------------- */

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
take_value(struct jsonscan *scan, char c)
{
	switch (c) {
	case '{':
	case '[':
		begin_value(scan, c == '{' ? JSON_OBJECT : JSON_ARRAY);
		push_level(scan, c == '{');
		break;
	case '"':
		begin_value(scan, JSON_STRING);
		begin_string(scan, false);
		break;
	case 't':
		begin_literal(scan, JSON_TRUE, "rue");
		break;
	case 'f':
		begin_literal(scan, JSON_FALSE, "alse");
		break;
	case 'n':
		begin_literal(scan, JSON_NULL, "ull");
		break;
	default:
		if (c == '-' || jsonscan_is_digit(c))
			begin_number(scan, c);
		else
			scan->state = FAILED;
	}
}

static void
take_after_value(struct jsonscan *scan, char c)
{
	bool object = in_object(scan);

	if (scan->depth > 0 && c == ',') {
		scan->state = object ? EXPECT_NAME : EXPECT_VALUE;
	} else if (scan->depth > 0 && c == (object ? '}' : ']')) {
		scan->depth--;
		scan->state = AFTER_VALUE;
	} else {
		scan->state = FAILED;
	}
}

static void
take_structure(struct jsonscan *scan, char c)
{
	switch (scan->state) {
	case EXPECT_VALUE:
		take_value(scan, c);
		break;
	case EXPECT_ITEM_OR_END:
		if (c == ']')
			take_after_value(scan, c);
		else
			take_value(scan, c);
		break;
	case EXPECT_NAME_OR_END:
		if (c == '}')
			take_after_value(scan, c);
		else if (c == '"')
			begin_string(scan, true);
		else
			scan->state = FAILED;
		break;
	case EXPECT_NAME:
		if (c == '"')
			begin_string(scan, true);
		else
			scan->state = FAILED;
		break;
	case EXPECT_COLON:
		scan->state = c == ':' ? EXPECT_VALUE : FAILED;
		break;
	default:
		take_after_value(scan, c);
	}
}

static const char *
take_string(struct jsonscan *scan, const char *p, const char *end)
{
	const char *stop = jsonscan_find_special(p, end);

	if (stop > p) {
		jsonscan_flush(scan);
		jsonscan_put(scan, p, (size_t)(stop - p), (size_t)(stop - p));
	}
	if (stop == end)
		return end;
	if (*stop == '"')
		end_string(scan);
	else
		scan->state = *stop == '\\' ? IN_ESCAPE : FAILED;
	return stop + 1;
}

static void
take_escape(struct jsonscan *scan, char c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = c ? strchr(from, c) : NULL;

	scan->state = IN_STRING;
	if (c == 'u') {
		scan->hex = 0;
		scan->hex_digits = 0;
		scan->state = IN_HEX;
	} else if (at) {
		jsonscan_flush(scan);
		jsonscan_put(scan, &to[at - from], 1, 1);
	} else {
		scan->state = FAILED;
	}
}

static void
take_hex(struct jsonscan *scan, char c)
{
	unsigned digit;

	if (jsonscan_is_digit(c)) {
		digit = (unsigned)(c - '0');
	} else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
		digit = ((unsigned)c | 0x20) - 'a' + 10;
	} else {
		scan->state = FAILED;
		return;
	}
	scan->hex = scan->hex << 4 | digit;
	if (++scan->hex_digits == 4) {
		scan->state = IN_STRING;
		jsonscan_put_utf16(scan, scan->hex);
	}
}

static const char *
take_number(struct jsonscan *scan, const char *p, const char *end)
{
	enum jsonscan_number how;
	const char *from = p;

	p = jsonscan_number_take(scan, p, end, &how);
	keep_number(scan, from, (size_t)(p - from));
	if (how == JSONSCAN_NUMBER_OVER)
		scan->state = AFTER_VALUE;
	else if (how == JSONSCAN_NUMBER_BAD)
		scan->state = FAILED;
	return p;
}

static void
take_literal(struct jsonscan *scan, char c)
{
	if (c != *scan->literal)
		scan->state = FAILED;
	else if (!*++scan->literal)
		scan->state = AFTER_VALUE;
}

/* Below the deepest level: only strings and the number of open brackets matter. */
static const char *
take_deep(struct jsonscan *scan, const char *p, const char *end)
{
	for (; p < end && scan->state == DEEP; p++) {
		if (*p == '"')
			scan->state = DEEP_STRING;
		else if (*p == '[' || *p == '{')
			scan->below++;
		else if ((*p == ']' || *p == '}') && --scan->below == 0)
			scan->state = AFTER_VALUE;
		else if ((unsigned char)*p < ' ' && !is_space(*p))
			scan->state = FAILED;
	}
	return p;
}

static const char *
take_deep_string(struct jsonscan *scan, const char *p, const char *end)
{
	const char *stop = jsonscan_find_special(p, end);

	if (stop == end)
		return end;
	scan->state = *stop == '"' ? DEEP : *stop == '\\' ? DEEP_ESCAPE : FAILED;
	return stop + 1;
}

static const char *
take_some(struct jsonscan *scan, const char *p, const char *end)
{
	switch (scan->state) {
	case IN_STRING:
		return take_string(scan, p, end);
	case IN_ESCAPE:
		take_escape(scan, *p);
		return p + 1;
	case IN_HEX:
		take_hex(scan, *p);
		return p + 1;
	case IN_LITERAL:
		take_literal(scan, *p);
		return p + 1;
	case IN_NUMBER:
		return take_number(scan, p, end);
	case DEEP:
		return take_deep(scan, p, end);
	case DEEP_STRING:
		return take_deep_string(scan, p, end);
	case DEEP_ESCAPE:
		scan->state = DEEP_STRING;
		return p + 1;
	case FAILED:
		return end;
	default:
		if (!is_space(*p))
			take_structure(scan, *p);
		return p + 1;
	}
}

/* Append the bytes up to `p` to the raw text. */
static void
keep_raw(struct jsonscan *scan, const char *from, const char *p)
{
	scan->fields[scan->raw].len += (uint64_t)(p - from);
	jsonscan_keep(scan, scan->raw, from, (size_t)(p - from));
}

/* Raw text begins and ends between two calls of take_some(): the first byte of a value
 * is always taken alone, and nothing after a value is taken together with its last
 * byte. */
void
jsonscan_feed(struct jsonscan *scan, const char *bytes, size_t len)
{
	const char *p = bytes, *end = bytes + len, *raw_from = bytes;

	while (p < end && scan->state != FAILED) {
		const char *from = p;
		int raw = scan->raw;

		p = take_some(scan, p, end);
		if (scan->raw == JSONSCAN_NONE)
			continue;
		if (raw == JSONSCAN_NONE)
			raw_from = from;
		if (scan->state == AFTER_VALUE && scan->depth == scan->raw_depth) {
			keep_raw(scan, raw_from, p);
			jsonscan_trim(&scan->fields[scan->raw]);
			scan->raw = JSONSCAN_NONE;
		}
	}
	if (scan->raw != JSONSCAN_NONE)
		keep_raw(scan, raw_from, end);
}

bool
jsonscan_end(struct jsonscan *scan)
{
	if (scan->state == IN_NUMBER && jsonscan_number_end(scan))
		scan->state = AFTER_VALUE;
	return scan->state == AFTER_VALUE && scan->depth == 0;
}
