/* SPDX-License-Identifier: MIT
 *
 * test_json_number.c: numbers. The output is read back, and compared with every shorter
 * decimal.
 */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json_suite.h"

/* ---- numbers --------------------------------------------------------------------- */

static const char *
number(double value)
{
	struct fnt_buf buf = {0};

	fnt_json_double(&buf, value);
	return taken(&buf);
}

static const char *
float_number(float value)
{
	struct fnt_buf buf = {0};

	fnt_json_float(&buf, value);
	return taken(&buf);
}

static double
double_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static float
float_of(uint32_t bits)
{
	float value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static int
digit_count(const char *text)
{
	char digits[400] = "";
	int count = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text >= '0' && *text <= '9' && (count || *text != '0'))
			digits[count++] = *text;
	}
	while (count && digits[count - 1] == '0')
		count--;
	return count;
}

/* The fewest digits with which some decimal reads back as the same number. For each
 * count of digits, the nearest decimal and its neighbours on both sides are tried. */
static int
fewest_digits(double value, bool is_float)
{
	char text[64];

	for (int count = 1;; count++) {
		snprintf(text, sizeof(text), "%.*e", count - 1, value);
		for (int step = -1; step <= 1; step++) {
			long double unit =
				powl(10, atoi(strchr(text, 'e') + 1) - count + 1);
			long double near = strtold(text, NULL) + step * unit;
			char try[64];

			snprintf(try, sizeof(try), "%.*Le", count - 1, near);
			if (is_float ? strtof(try, NULL) == (float)value
				     : strtod(try, NULL) == value)
				return count;
		}
	}
}

static void
check_double(double value)
{
	const char *json = number(value);

	if (!isfinite(value)) {
		MUST(!strcmp(json, "null"));
		return;
	}
	MUST(oracle_is_output(json, strlen(json)));
	MUST(strtod(json, NULL) == value && !signbit(value) == (json[0] != '-'));
	MUST(strpbrk(json, ".e"));
	if (value != 0 && digit_count(json) != fewest_digits(fabs(value), false))
		ck_abort_msg("%a: %s", value, json);
}

static void
check_float(float value)
{
	const char *json = float_number(value);

	if (!isfinite(value)) {
		MUST(!strcmp(json, "null"));
		return;
	}
	MUST(strtof(json, NULL) == value && !signbit(value) == (json[0] != '-'));
	if (value != 0 && digit_count(json) != fewest_digits(fabs((double)value), true))
		ck_abort_msg("%a: %s", (double)value, json);
}

START_TEST(integers_are_exact)
{
	struct fnt_buf buf = {0};
	char expected[64];

	fnt_json_u64(&buf, UINT64_MAX);
	fnt_buf_append_char(&buf, ' ');
	fnt_json_u64(&buf, 0);
	fnt_buf_append_char(&buf, ' ');
	fnt_json_i64(&buf, INT64_MIN);
	fnt_buf_append_char(&buf, ' ');
	fnt_json_i64(&buf, INT64_MAX);
	fnt_buf_append_char(&buf, ' ');
	fnt_json_hex(&buf, 0x0123456789abcdef, 16);
	ck_assert_str_eq(taken(&buf), "18446744073709551615 0 -9223372036854775808 "
				      "9223372036854775807 0123456789abcdef");
	for (int round = 0; round < 20000; round++) {
		int64_t value = (int64_t)(rnd64() >> rnd(64)) * (round % 2 ? 1 : -1);

		fnt_json_i64(&buf, value);
		snprintf(expected, sizeof(expected), "%lld", (long long)value);
		MUST(!strcmp(taken(&buf), expected));
	}
}
END_TEST

START_TEST(known_doubles)
{
	ck_assert_str_eq(number(0.0), "0.0");
	ck_assert_str_eq(number(-0.0), "-0.0");
	ck_assert_str_eq(number(1), "1.0");
	ck_assert_str_eq(number(0.1), "0.1");
	ck_assert_str_eq(number(0.1 + 0.2), "0.30000000000000004");
	ck_assert_str_eq(number(10.484755999999999), "10.484755999999999");
	ck_assert_str_eq(number(5e-324), "5e-324");
	ck_assert_str_eq(number(DBL_MIN), "2.2250738585072014e-308");
	ck_assert_str_eq(number(DBL_MAX), "1.7976931348623157e308");
	ck_assert_str_eq(number(ldexp(1, -44)), "5.684341886080802e-14");
	ck_assert_str_eq(number(9007199254740993.0), "9007199254740992.0");
	ck_assert_str_eq(number(1e15), "1000000000000000.0");
	ck_assert_str_eq(number(1e16), "1e16");
	ck_assert_str_eq(number(-0.00001), "-0.00001");
	ck_assert_str_eq(number(0.000001), "1e-6");
	ck_assert_str_eq(number((double)NAN), "null");
	ck_assert_str_eq(number(-(double)INFINITY), "null");
	ck_assert_str_eq(float_number(0.1f), "0.1");
	ck_assert_str_eq(float_number(16777216.0f), "16777216.0");
	ck_assert_str_eq(float_number(FLT_MAX), "3.4028235e38");
	ck_assert_str_eq(float_number(1e-45f), "1e-45");
}
END_TEST

START_TEST(doubles_are_shortest)
{
	for (int exponent = -1080; exponent < 1024; exponent++) {
		check_double(ldexp(1, exponent));
		check_double(nextafter(ldexp(1, exponent), 0));
		check_double(-nextafter(ldexp(1, exponent), INFINITY));
	}
	for (int round = 0; round < 20000; round++) {
		check_double(double_of(rnd64()));
		check_double(double_of(rnd64() >> 12)); /* subnormal */
		check_double((double)(rnd64() >> rnd(64)) / 1e6);
		check_double((double)(int64_t)rnd(2000000) / 1000 - 1000);
	}
}
END_TEST

START_TEST(floats_are_shortest)
{
	for (int exponent = -150; exponent < 128; exponent++) {
		check_float(ldexpf(1, exponent));
		check_float(nextafterf(ldexpf(1, exponent), 0));
		check_float(nextafterf(ldexpf(1, exponent), INFINITY));
	}
	for (int round = 0; round < 20000; round++) {
		check_float(float_of((uint32_t)rnd64()));
		check_float(float_of((uint32_t)rnd64() >> 9));
	}
}
END_TEST

START_TEST(nanoseconds_as_milliseconds_are_exact)
{
	static const uint64_t edges[] = {0, 1, 999999, 1000000, 10484756, UINT64_MAX};
	struct fnt_buf buf = {0};
	char ms[64];

	for (int round = 0; round < 50000; round++) {
		uint64_t ns = round < 6 ? edges[round] : rnd64() >> rnd(64);

		fnt_json_ns_as_ms(&buf, ns);
		snprintf(ms, sizeof(ms), "%s", taken(&buf));
		MUST(!strcmp(ms, number((double)ns / 1e6)));
	}
}
END_TEST

/* Set a locale with a decimal comma: an installed one, or else one that is made for the
 * test where the machine has the sources. False if there is none. */
static bool
set_comma_locale(char *dir)
{
	char command[200];

	if (setlocale(LC_ALL, "de_DE.UTF-8") || setlocale(LC_ALL, "fr_FR.UTF-8"))
		return true;
	if (!mkdtemp(dir))
		return false;
	snprintf(command, sizeof(command),
		 "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>/dev/null", dir);
	return system(command) == 0 && !setenv("LOCPATH", dir, 1) &&
	       setlocale(LC_ALL, "de_DE.UTF-8");
}

START_TEST(locale_does_not_matter)
{
	char dir[] = "/tmp/fntrace-locale-XXXXXX", command[100], text[16];

	if (set_comma_locale(dir)) {
		snprintf(text, sizeof(text), "%.1f", 0.5);
		ck_assert_str_eq(text, "0,5");
	} else {
		fprintf(stderr, "no locale with a decimal comma: not tested\n");
	}
	ck_assert_str_eq(number(1234.5), "1234.5");
	ck_assert_str_eq(number(5e-324), "5e-324");
	ck_assert_str_eq(number(ldexp(1, -44)), "5.684341886080802e-14");
	ck_assert_str_eq(float_number(0.1f), "0.1");
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int
main(void)
{
	return SUITE_RUN("json_number", integers_are_exact, known_doubles,
			 doubles_are_shortest, floats_are_shortest,
			 nanoseconds_as_milliseconds_are_exact, locale_does_not_matter);
}
