/* SPDX-License-Identifier: MIT */
#include "tap/jsonscan_number.h"

#include "tap/jsonscan_text.h"

/* What the last byte of the number was. */
enum {
	MINUS,
	ZERO,
	DIGITS,
	POINT,
	FRACTION,
	E,
	E_SIGN,
	EXPONENT,
};

#define OVER (-1)
#define BAD (-2)

void
jsonscan_number_begin(struct jsonscan *scan, char c)
{
	scan->negative = c == '-';
	scan->magnitude = c == '-' ? 0 : (uint64_t)(c - '0');
	scan->too_large = false;
	scan->fraction = false;
	scan->number = c == '-' ? MINUS : c == '0' ? ZERO : DIGITS;
}

static void
take_digit(struct jsonscan *scan, char c)
{
	uint64_t digit = (uint64_t)(c - '0');

	if (scan->magnitude > (UINT64_MAX - digit) / 10)
		scan->too_large = true;
	scan->magnitude = scan->magnitude * 10 + digit;
}

/* The next state; OVER: `c` is not part of the number; BAD: the number is not valid. */
static int
number_next(int number, char c)
{
	bool digit = jsonscan_is_digit(c), e = c == 'e' || c == 'E';

	switch (number) {
	case MINUS:
		return c == '0' ? ZERO : digit ? DIGITS : BAD;
	case ZERO:
		return c == '.' ? POINT : e ? E : digit ? BAD : OVER;
	case DIGITS:
		return digit ? DIGITS : c == '.' ? POINT : e ? E : OVER;
	case POINT:
		return digit ? FRACTION : BAD;
	case FRACTION:
		return digit ? FRACTION : e ? E : OVER;
	case E:
		if (c == '+' || c == '-')
			return E_SIGN;
		return digit ? EXPONENT : BAD;
	case E_SIGN:
		return digit ? EXPONENT : BAD;
	default:
		return digit ? EXPONENT : OVER;
	}
}

/* The number is complete: store it in the field, if there is one and it fits. */
static void
store(struct jsonscan *scan)
{
	struct jsonscan_field *field;
	uint64_t limit = (uint64_t)INT64_MAX + (scan->negative ? 1 : 0);

	if (scan->field == JSONSCAN_NONE || scan->too_large || scan->magnitude > limit)
		return;
	field = &scan->fields[scan->field];
	field->integer_known = true;
	field->integer_exact = !scan->fraction;
	field->integer =
		(int64_t)(scan->negative ? 0 - scan->magnitude : scan->magnitude);
}

const char *
jsonscan_number_take(struct jsonscan *scan, const char *p, const char *end,
		     enum jsonscan_number *how)
{
	*how = JSONSCAN_NUMBER_MORE;
	for (; p < end; p++) {
		int next = number_next(scan->number, *p);

		if (next == OVER) {
			store(scan);
			*how = JSONSCAN_NUMBER_OVER;
			break;
		}
		if (next == BAD) {
			*how = JSONSCAN_NUMBER_BAD;
			break;
		}
		scan->number = next;
		if (next == DIGITS)
			take_digit(scan, *p);
		else if (next == POINT)
			scan->fraction = true;
		else if (next == E)
			scan->too_large = true;
	}
	return p;
}

bool
jsonscan_number_end(struct jsonscan *scan)
{
	if (number_next(scan->number, ' ') != OVER)
		return false;
	store(scan);
	return true;
}
