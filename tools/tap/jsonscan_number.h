/* SPDX-License-Identifier: MIT
 *
 * jsonscan_number.h: a number, digit by digit. For jsonscan.c only.
 */
#ifndef FNT_TAP_JSONSCAN_NUMBER_H
#define FNT_TAP_JSONSCAN_NUMBER_H

#include "tap/jsonscan.h"

static inline bool
jsonscan_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

enum jsonscan_number {
	JSONSCAN_NUMBER_MORE, /* all bytes are taken, more may follow */
	JSONSCAN_NUMBER_OVER, /* complete, and stored in the field; a byte is left */
	JSONSCAN_NUMBER_BAD,  /* not a valid number */
};

/* Begin a number with its first byte: '-' or a digit. It is the value of
 * scan->field. */
void jsonscan_number_begin(struct jsonscan *scan, char c);

/* Take the bytes that follow. Returns the first byte that is not part of the number. */
const char *jsonscan_number_take(struct jsonscan *scan, const char *p, const char *end,
				 enum jsonscan_number *how);

/* End of the text. Returns false if the number is not complete. */
bool jsonscan_number_end(struct jsonscan *scan);

#endif
