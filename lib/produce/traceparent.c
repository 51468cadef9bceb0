/* SPDX-License-Identifier: MIT */
#include "produce/traceparent.h"

/* Offsets of the ends of fields, where a dash or the end of the text follows. */
enum {
	VERSION_END = 2,
	TRACE_MIDDLE = 19,
	TRACE_END = 35,
	PARENT_END = 52,
	FLAGS_END = 55,
};

/* The value of a lower-case hexadecimal digit; -1 for any other character. As NUL is
 * one, a loop over digits never passes the end of a string. */
static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Parse the digits from *text to `end`, at most 16. False: there is another
 * character. */
static bool
take_hex(const char **text, const char *end, uint64_t *number)
{
	for (*number = 0; *text < end; ++*text) {
		int value = digit(**text);

		if (value < 0)
			return false;
		*number = *number << 4 | (uint64_t)value;
	}
	return true;
}

static bool
take_dash(const char **text)
{
	return *(*text)++ == '-';
}

bool
fnt_traceparent_parse(const char *text, uint64_t trace_id[2], uint64_t *parent_uid,
		      uint32_t *flags)
{
	const char *at = text;
	uint64_t version, high, low, parent, bits;

	if (!take_hex(&at, text + VERSION_END, &version) || !take_dash(&at) ||
	    !take_hex(&at, text + TRACE_MIDDLE, &high) ||
	    !take_hex(&at, text + TRACE_END, &low) || !take_dash(&at) ||
	    !take_hex(&at, text + PARENT_END, &parent) || !take_dash(&at) ||
	    !take_hex(&at, text + FLAGS_END, &bits))
		return false;
	if (*at != '\0' && (*at != '-' || version == 0))
		return false;
	if (version == 0xff || !(high | low) || !parent)
		return false;
	trace_id[0] = high;
	trace_id[1] = low;
	*parent_uid = parent;
	*flags = (uint32_t)bits & FNT_TRACEPARENT_FLAGS;
	return true;
}

static char *
put_hex(char *out, uint64_t number)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*out++ = "0123456789abcdef"[number >> shift & 15];
	return out;
}

void
fnt_traceparent_format(char text[FNT_TRACEPARENT_BYTES], const uint64_t trace_id[2],
		       uint64_t uid, uint32_t flags)
{
	char *out = text;

	*out++ = '0';
	*out++ = '0';
	*out++ = '-';
	out = put_hex(out, trace_id[0]);
	out = put_hex(out, trace_id[1]);
	*out++ = '-';
	out = put_hex(out, uid);
	*out++ = '-';
	*out++ = '0';
	*out++ = (char)('0' + (flags & FNT_TRACEPARENT_FLAGS));
	*out = '\0';
}
