/* SPDX-License-Identifier: MIT
 *
 * Durations, sizes, counts and times as text for people.
 */
#include "view/text.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

/* Print a value and its unit with three significant digits, or all digits before the
 * point. `exact`: the value is a whole number, printed without a point. */
static char *
print_scaled(char out[TEXT_UNIT_MAX], double value, const char *unit, bool exact)
{
	int digits = exact || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;

	snprintf(out, TEXT_UNIT_MAX, "%.*f %s", digits, value, unit);
	return out;
}

static char *
print_pair(char out[TEXT_UNIT_MAX], uint64_t big, const char *big_unit, uint64_t small,
	   const char *small_unit)
{
	snprintf(out, TEXT_UNIT_MAX, "%" PRIu64 " %s %02" PRIu64 " %s", big, big_unit,
		 small, small_unit);
	return out;
}

char *
text_duration(char out[TEXT_UNIT_MAX], uint64_t ns)
{
	uint64_t s = ns / NS_PER_S;

	if (ns < NS_PER_US)
		return print_scaled(out, (double)ns, "ns", true);
	/* A value that would be rounded to 1000 is printed as 1 of the next unit. */
	if (ns < NS_PER_MS - NS_PER_US / 2)
		return print_scaled(out, (double)ns / NS_PER_US,
				    text_is_utf8() ? "µs" : "us", ns % NS_PER_US == 0);
	if (ns < NS_PER_S - NS_PER_MS / 2)
		return print_scaled(out, (double)ns / NS_PER_MS, "ms",
				    ns % NS_PER_MS == 0);
	if (s < 60)
		return print_scaled(out, (double)ns / NS_PER_S, "s",
				    ns % NS_PER_S == 0);
	if (s < 3600)
		return print_pair(out, s / 60, "min", s % 60, "s");
	if (s < 86400)
		return print_pair(out, s / 3600, "h", s % 3600 / 60, "min");
	return print_pair(out, s / 86400, "d", s % 86400 / 3600, "h");
}

char *
text_bytes(char out[TEXT_UNIT_MAX], uint64_t bytes)
{
	static const char *const units[] = {"B",   "KiB", "MiB", "GiB",
					    "TiB", "PiB", "EiB"};
	uint64_t scale = 1;
	size_t unit = 0;

	while (bytes / scale >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		scale *= 1024;
		unit++;
	}
	return print_scaled(out, (double)bytes / (double)scale, units[unit],
			    bytes % scale == 0);
}

char *
text_count(char out[TEXT_UNIT_MAX], uint64_t count)
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[used++] = ',';
		out[used++] = digits[i];
	}
	out[used] = '\0';
	return out;
}

char *
text_age(char out[TEXT_UNIT_MAX], uint64_t then_ns, uint64_t now_ns)
{
	uint64_t s = (now_ns - then_ns) / NS_PER_S;

	if (then_ns > now_ns)
		strcpy(out, "-");
	else if (s == 0)
		strcpy(out, "now");
	else if (s < 60)
		snprintf(out, TEXT_UNIT_MAX, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(out, TEXT_UNIT_MAX, "%" PRIu64 " min", s / 60);
	else if (s < 86400)
		snprintf(out, TEXT_UNIT_MAX, "%" PRIu64 " h", s / 3600);
	else
		snprintf(out, TEXT_UNIT_MAX, "%" PRIu64 " d", s / 86400);
	return out;
}

char *
text_ago(char out[TEXT_UNIT_MAX], uint64_t then_ns, uint64_t now_ns)
{
	text_age(out, then_ns, now_ns);
	if (strcmp(out, "-") == 0)
		return strcpy(out, "in the future");
	if (strcmp(out, "now") == 0)
		return strcpy(out, "just now");
	return strcat(out, " ago");
}

static char *
print_time(char out[TEXT_UNIT_MAX], const char *format, uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_S);
	unsigned ms = (unsigned)(unix_ns % NS_PER_S / NS_PER_MS);
	struct tm tm;
	size_t used = 0;

	if (localtime_r(&seconds, &tm))
		used = strftime(out, TEXT_UNIT_MAX, format, &tm);
	if (used > 0)
		snprintf(out + used, TEXT_UNIT_MAX - used, ".%03u", ms);
	else
		strcpy(out, "-");
	return out;
}

char *
text_date(char out[TEXT_UNIT_MAX], uint64_t unix_ns)
{
	return print_time(out, "%Y-%m-%d %H:%M:%S", unix_ns);
}

char *
text_clock(char out[TEXT_UNIT_MAX], uint64_t unix_ns)
{
	return print_time(out, "%H:%M:%S", unix_ns);
}

uint64_t
text_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}
