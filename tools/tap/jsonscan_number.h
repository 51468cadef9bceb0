/* SPDX-License-Identifier: MIT
 *
 * jsonscan_number.h: what jsonscan.c needs of jsonscan_number.c: a number, digit by
 * digit.
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
	JSONSCAN_NUMBER_MORE, /* all is taken, and it may go on */
	JSONSCAN_NUMBER_OVER, /* the next byte is not part of it; its field says what it
				 is */
	JSONSCAN_NUMBER_BAD,
};

/* The first byte, '-' or a digit, of the value of scan->field. */
void jsonscan_number_begin(struct jsonscan *scan, char c);

/* Those that follow. The first byte that is not taken. */
const char *jsonscan_number_take(struct jsonscan *scan, const char *p, const char *end,
				 enum jsonscan_number *how);

/* No more comes. False: what there was is no number. */
bool jsonscan_number_end(struct jsonscan *scan);

#endif
