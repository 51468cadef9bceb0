/* SPDX-License-Identifier: MIT
 *
 * json_suite.h: what the suites of JSON share: random numbers, and the buffer's text.
 */
#ifndef FNT_TEST_JSON_SUITE_H
#define FNT_TEST_JSON_SUITE_H

#include <stdint.h>
#include <stdlib.h>

#include "json/json.h"
#include "support/json_oracle.h"
#include "support/suite.h"

static uint64_t seed = 0x9E3779B97F4A7C15u;

static inline uint64_t
rnd64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static inline size_t
rnd(size_t below)
{
	return (size_t)(rnd64() >> 16) % below;
}

/* The text in the buffer, NUL-terminated. Valid until the next call. */
static inline const char *
taken(struct fnt_buf *buf)
{
	static char *text;

	free(text);
	MUST(fnt_buf_steal(buf, &text, NULL) == 0);
	return text;
}

#endif
