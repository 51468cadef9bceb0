/* SPDX-License-Identifier: MIT
 *
 * json_float.c: floating-point numbers in the fewest digits that read back the same.
 *
 * They are found by trial with the C library, which rounds correctly both ways. Any
 * decimal of 15 digits (6 for a float) survives conversion to a double and back, so
 * different ones are different doubles: if 15 digits read back the same, they are the
 * shortest, once their trailing zeros are dropped. Else 16 or 17 are needed. Subnormals
 * have fewer digits, and for them every length is tried. Algorithms such as Ryu would
 * be about ten times as fast, with a table of 10 KiB; but nothing here is on the
 * producing side.
 *
 * The C library's decimal point depends on the locale, and may be several bytes. So
 * digits and exponent are picked out of what snprintf() writes, and strtod() gets whole
 * numbers with an exponent.
 */
#include "json/json.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS_MAX 17

/* d.ddd… times ten to the exponent */
struct decimal {
	char digits[DIGITS_MAX + 3];
	int count;
	int exponent;
};

/* float or double */
struct format {
	int digits_safe; /* that always survive conversion: FLT_DIG, DBL_DIG */
	int digits_max;	 /* that always suffice */
	double min_normal;
	double (*read)(const char *text);
};

static double
read_double(const char *text)
{
	return strtod(text, NULL);
}

static double
read_float(const char *text)
{
	return (double)strtof(text, NULL);
}

static const struct format format_double = {DBL_DIG, 17, DBL_MIN, read_double};
static const struct format format_float = {FLT_DIG, 9, FLT_MIN, read_float};

/* `value` > 0, rounded to `count` digits. */
static void
to_decimal(struct decimal *decimal, double value, int count)
{
	char text[64]; /* room for any locale's point */
	const char *p = text;

	snprintf(text, sizeof(text), "%.*e", count - 1, value);
	decimal->count = 0;
	for (; *p && *p != 'e'; p++) {
		if (*p >= '0' && *p <= '9' && decimal->count < DIGITS_MAX)
			decimal->digits[decimal->count++] = *p;
	}
	decimal->exponent = *p ? atoi(p + 1) : 0;
}

static bool
reads_back(const struct decimal *decimal, double value, const struct format *format)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*se%d", decimal->count, decimal->digits,
		 decimal->exponent - decimal->count + 1);
	return format->read(text) == value;
}

/* Increment to the next decimal with as many digits. */
static void
step_up(struct decimal *decimal)
{
	int at = decimal->count;

	while (at > 0 && decimal->digits[at - 1] == '9')
		decimal->digits[--at] = '0';
	if (at > 0) {
		decimal->digits[at - 1]++;
	} else {
		decimal->digits[0] = '1';
		decimal->exponent++;
	}
}

/* Does a decimal of `count` digits read back as `value`? Below a power of two, numbers
 * are twice as dense as above it. So the decimal nearest to it may read back as the
 * number below, while the next one up, farther away, reads back as itself: 2^-44 is
 * 5.684341886080802e-14, although ...801e-14 is nearer. */
static bool
has_decimal(struct decimal *decimal, double value, int count,
	    const struct format *format)
{
	int exponent;

	to_decimal(decimal, value, count);
	if (reads_back(decimal, value, format))
		return true;
	if (frexp(value, &exponent) != 0.5)
		return false;
	step_up(decimal);
	return reads_back(decimal, value, format);
}

static void
to_shortest(struct decimal *decimal, double value, const struct format *format)
{
	int count = value < format->min_normal ? 1 : format->digits_safe;

	while (count < format->digits_max &&
	       !has_decimal(decimal, value, count, format))
		count++;
	if (count == format->digits_max)
		to_decimal(decimal, value, count);
	while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0')
		decimal->count--;
}

static void
write_zeros(struct fnt_buf *buf, int count)
{
	while (count-- > 0)
		fnt_buf_append_char(buf, '0');
}

static void
write_scientific(struct fnt_buf *buf, const struct decimal *decimal)
{
	fnt_buf_append_char(buf, decimal->digits[0]);
	if (decimal->count > 1) {
		fnt_buf_append_char(buf, '.');
		fnt_buf_append(buf, decimal->digits + 1, (size_t)decimal->count - 1);
	}
	fnt_buf_append_char(buf, 'e');
	fnt_json_i64(buf, decimal->exponent);
}

/* 0.00001 to below 1e16 have no exponent, as Pylon prints them (serde_json). */
static void
write_decimal(struct fnt_buf *buf, const struct decimal *decimal)
{
	int whole = decimal->exponent + 1; /* digits before the point */

	if (whole > 16 || whole <= -5) {
		write_scientific(buf, decimal);
	} else if (whole <= 0) {
		fnt_buf_append_text(buf, "0.");
		write_zeros(buf, -whole);
		fnt_buf_append(buf, decimal->digits, (size_t)decimal->count);
	} else if (decimal->count <= whole) {
		fnt_buf_append(buf, decimal->digits, (size_t)decimal->count);
		write_zeros(buf, whole - decimal->count);
		fnt_buf_append_text(buf, ".0");
	} else {
		fnt_buf_append(buf, decimal->digits, (size_t)whole);
		fnt_buf_append_char(buf, '.');
		fnt_buf_append(buf, decimal->digits + whole,
			       (size_t)(decimal->count - whole));
	}
}

static void
write_floating(struct fnt_buf *buf, double value, const struct format *format)
{
	struct decimal decimal = {.digits = "0", .count = 1};
	int saved_errno = errno; /* strtod sets it for subnormals */

	if (!isfinite(value)) {
		fnt_buf_append_text(buf, "null");
		return;
	}
	if (signbit(value))
		fnt_buf_append_char(buf, '-');
	if (value != 0)
		to_shortest(&decimal, fabs(value), format);
	write_decimal(buf, &decimal);
	errno = saved_errno;
}

void
fnt_json_double(struct fnt_buf *buf, double value)
{
	write_floating(buf, value, &format_double);
}

void
fnt_json_float(struct fnt_buf *buf, float value)
{
	write_floating(buf, (double)value, &format_float);
}

void
fnt_json_ns_as_ms(struct fnt_buf *buf, uint64_t ns)
{
	struct decimal decimal = {.digits = "0", .count = 1};
	int count = 0;

	/* Up to 15 digits, or 11 days, the decimal itself is the shortest. */
	if (ns >= UINT64_C(1000000000000000)) {
		fnt_json_double(buf, (double)ns / 1e6);
		return;
	}
	for (uint64_t rest = ns; rest; rest /= 10)
		count++;
	if (count) {
		decimal.exponent = count - 1 - 6;
		decimal.count = count;
	}
	for (; count; ns /= 10)
		decimal.digits[--count] = (char)('0' + ns % 10);
	while (decimal.count > 1 && decimal.digits[decimal.count - 1] == '0')
		decimal.count--;
	write_decimal(buf, &decimal);
}
