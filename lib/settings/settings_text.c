/* SPDX-License-Identifier: MIT
 *
 * settings_text.c: parse and print settings. Nothing here depends on the locale.
 */
#include "settings/settings.h"

#include "base/buf.h"
#include "base/error.h"
#include "json/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_ROOM 1024 /* twice what all keys take */

static const struct {
	const char *key;
	const char *values;
} keys[FNT_SETTINGS] = {
	[FNT_SETTING_ENABLED] = {"enabled", "on or off"},
	[FNT_SETTING_KEEP] = {"keep", "a share, 0 to 1, such as 0.05"},
	[FNT_SETTING_SLOW] = {"slow",
			      "a time of at most 24h with its unit (ns, us, ms, s, m "
			      "or h), such as 50ms or 1.5s; or off"},
	[FNT_SETTING_KEEP_ERRORS] = {"keep_errors", "on or off"},
	[FNT_SETTING_RATE] = {"rate", "calls a second, 1 to 4294967295; or off"},
	[FNT_SETTING_VALUES] = {"capture.values", "on, off or hash"},
	[FNT_SETTING_IDS] = {"capture.ids", "on, off or hash"},
	[FNT_SETTING_USERS] = {"capture.users", "on, off or hash"},
};

static const char *const captures[] = {"off", "on", "hash"};

const char *
fnt_setting_key(size_t number)
{
	return number < FNT_SETTINGS ? keys[number].key : NULL;
}

/* ---- values --------------------------------------------------------------------- */

static bool
parse_switch(const char *text, bool *on)
{
	*on = !strcmp(text, "on");
	return *on || !strcmp(text, "off");
}

static bool
parse_capture(const char *text, enum fnt_capture *capture)
{
	for (unsigned i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		if (strcmp(text, captures[i]) != 0)
			continue;
		*capture = (enum fnt_capture)i;
		return true;
	}
	return false;
}

/* Parse digits with at most one point among or before them: whole / 10^scale, where
 * fractional digits after the fifteenth digit are ignored. Returns what follows the
 * number; NULL: there is no number, or it is too large. */
static const char *
parse_decimal(const char *text, uint64_t *whole, unsigned *scale)
{
	bool point = false;
	int digits = 0;

	*whole = 0;
	*scale = 0;
	for (; (*text >= '0' && *text <= '9') || (*text == '.' && !point); text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		digits++;
		if (*whole >= 100000000000000u) {
			if (!point)
				return NULL;
			continue; /* beyond a double's precision */
		}
		*whole = *whole * 10 + (uint64_t)(*text - '0');
		*scale += point;
	}
	return digits ? text : NULL;
}

static double
power_of_ten(unsigned exponent)
{
	double power = 1;

	while (exponent--)
		power *= 10;
	return power;
}

static bool
parse_share(const char *text, double *share)
{
	uint64_t whole;
	unsigned scale;
	const char *end = parse_decimal(text, &whole, &scale);

	/* fnt_settings_text() writes small shares so: 1e-7, 5e-11. */
	if (end && end[0] == 'e' && end[1] == '-') {
		unsigned exponent = 0;
		const char *digit = end + 2;

		for (; *digit >= '0' && *digit <= '9' && exponent < 100; digit++)
			exponent = 10 * exponent + (unsigned)(*digit - '0');
		if (digit == end + 2)
			return false;
		scale += exponent;
		end = digit;
	}
	if (!end || *end || scale > 22)
		return false;
	*share = (double)whole / power_of_ten(scale); /* both are exact */
	return *share <= 1;
}

static const struct {
	const char *name;
	uint64_t ns;
	int digits; /* after the point, down to 1 ns; 0: whole units only */
} units[] = {
	{"h", 3600000000000u, 0}, {"m", 60000000000u, 0}, {"s", 1000000000u, 9},
	{"ms", 1000000u, 6},	  {"us", 1000u, 3},	  {"ns", 1u, 0},
};
#define UNITS (sizeof(units) / sizeof(units[0]))

static bool
parse_time(const char *text, uint64_t *ns)
{
	uint64_t whole;
	unsigned scale;
	const char *end;

	*ns = 0;
	if (!strcmp(text, "off") || !strcmp(text, "0"))
		return true;
	end = parse_decimal(text, &whole, &scale);
	if (!end || scale > 22)
		return false;
	for (size_t i = 0; i < UNITS; i++) {
		double value;

		if (strcmp(end, units[i].name) != 0)
			continue;
		value = (double)whole / power_of_ten(scale) * (double)units[i].ns;
		/* Less than 1 ns must not become 0, which is off. */
		if (value > (double)FNT_SLOW_MAX_NS || (whole && value < 1))
			return false;
		*ns = (uint64_t)(value + 0.5);
		return true;
	}
	return false;
}

static bool
parse_rate(const char *text, uint64_t *rate)
{
	uint64_t value = 0;

	*rate = 0;
	if (!strcmp(text, "off"))
		return true;
	if (!*text || strlen(text) > 10)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	*rate = value;
	return value <= FNT_RATE_MAX;
}

static bool
parse_value(struct fnt_settings *into, enum fnt_setting key, const char *text)
{
	switch (key) {
	case FNT_SETTING_ENABLED:
		return parse_switch(text, &into->enabled);
	case FNT_SETTING_KEEP:
		return parse_share(text, &into->keep);
	case FNT_SETTING_SLOW:
		return parse_time(text, &into->slow_ns);
	case FNT_SETTING_KEEP_ERRORS:
		return parse_switch(text, &into->keep_errors);
	case FNT_SETTING_RATE:
		return parse_rate(text, &into->rate);
	case FNT_SETTING_VALUES:
		return parse_capture(text, &into->capture_values);
	case FNT_SETTING_IDS:
		return parse_capture(text, &into->capture_ids);
	case FNT_SETTING_USERS:
		return parse_capture(text, &into->capture_users);
	case FNT_SETTINGS:
		break;
	}
	return false;
}

/* ---- assignments ---------------------------------------------------------------- */

static int
unknown_key(const char *key, int len, struct fnt_error *error)
{
	char all[200] = "";
	size_t used = 0;

	for (int i = 0; i < FNT_SETTINGS; i++)
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
					 i ? ", " : "", keys[i].key);
	return fnt_fail(error, -EINVAL, "no setting \"%.*s\"; there are: %s",
			len < 64 ? len : 64, key, all);
}

/* A key that is not set has its default value. */
static void
unset(struct fnt_settings *settings, enum fnt_setting key)
{
	struct fnt_settings defaults;
	uint32_t left = settings->set & ~(1u << key);

	fnt_settings_init(&defaults);
	defaults.set = 1u << key;
	fnt_settings_overlay(settings, &defaults);
	settings->set = left;
}

int
fnt_settings_assign(struct fnt_settings *settings, const char *assignment,
		    struct fnt_error *error)
{
	struct fnt_settings changed = *settings;
	const char *value = strchr(assignment, '=');
	size_t len = value ? (size_t)(value - assignment) : 0;
	int key = 0;

	if (!value)
		return fnt_fail(error, -EINVAL,
				"setting \"%.64s\" has no value; give KEY=VALUE",
				assignment);
	while (key < FNT_SETTINGS && (strlen(keys[key].key) != len ||
				      memcmp(keys[key].key, assignment, len) != 0))
		key++;
	if (key == FNT_SETTINGS)
		return unknown_key(assignment, (int)(len < 64 ? len : 64), error);
	value++;
	if (!strcmp(value, "default")) {
		unset(settings, (enum fnt_setting)key);
		return 0;
	}
	if (!parse_value(&changed, (enum fnt_setting)key, value))
		return fnt_fail(error, -EINVAL, "%s=%.64s: give %s; or default",
				keys[key].key, value, keys[key].values);
	changed.set |= 1u << key;
	*settings = changed;
	return 0;
}

int
fnt_settings_check_name(const char *name, size_t len, struct fnt_error *error)
{
	size_t stem = len && name[len - 1] == '*' ? len - 1 : len;

	if (len && stem <= FNT_NAME_MAX)
		return 0;
	return fnt_fail(error, -EINVAL,
			"function \"%.64s%s\": give a name of 1 to %d bytes, or its "
			"beginning and a '*'",
			name, len > 64 ? "…" : "", FNT_NAME_MAX);
}

/* Apply "KEY=VALUE" or "NAME:KEY=VALUE". Names may contain ':' and '=', keys and values
 * do not. */
static int
parse_word(struct fnt_settings_block *block, char *word, struct fnt_error *error)
{
	char *equals = strrchr(word, '='), *colon = NULL;
	struct fnt_setting_set *set = &block->all;
	int rc;

	if (equals) {
		*equals = '\0';
		colon = strrchr(word, ':');
		*equals = '=';
	}
	if (colon) {
		*colon = '\0';
		rc = fnt_settings_check_name(word, strlen(word), error);
		if (rc)
			return rc;
		set = fnt_settings_override(block, word, strlen(word));
		if (!set)
			return fnt_fail(
				error, -ENOSPC,
				"%.64s: there is room for %u functions' settings; "
				"give fewer, or use prefixes such as todo:*",
				word, block->max);
		word = colon + 1;
	}
	return fnt_settings_assign(&set->values, word, error);
}

int
fnt_settings_parse(struct fnt_settings_block *block, const char *text, const char *what,
		   struct fnt_error *error)
{
	static const char space[] = " \t\r\n";
	struct fnt_error inner = {.code = 0};
	char *copy = strdup(text), *rest = NULL;
	int rc = copy ? 0 : -ENOMEM;

	if (rc)
		return fnt_fail(error, rc, "out of memory");
	for (char *word = strtok_r(copy, space, &rest); word && !rc;
	     word = strtok_r(NULL, space, &rest))
		rc = parse_word(block, word, &inner);
	free(copy);
	if (rc)
		return fnt_fail(error, rc, "%s: %s", what, inner.message);
	fnt_settings_tidy(block);
	return 0;
}

/* ---- as text -------------------------------------------------------------------- */

static void
write_share(struct fnt_buf *buf, double share)
{
	if (share == 0 || share == 1)
		fnt_json_u64(buf, (uint64_t)share);
	else
		fnt_json_double(buf, share);
}

/* In hours or minutes if that gives a whole number; else in the largest of s, ms, us
 * and ns that gives at least 1, as a decimal fraction: 1.5ms. */
static void
write_time(struct fnt_buf *buf, uint64_t ns)
{
	char text[32];
	size_t unit = 0;
	int len;

	if (!ns) {
		fnt_buf_append_text(buf, "off");
		return;
	}
	while (unit < 2 ? ns % units[unit].ns != 0 : ns < units[unit].ns)
		unit++;
	len = snprintf(text, sizeof(text), "%llu.%0*llu",
		       (unsigned long long)(ns / units[unit].ns), units[unit].digits,
		       (unsigned long long)(ns % units[unit].ns));
	while (text[len - 1] == '0')
		len--;
	len -= text[len - 1] == '.';
	fnt_buf_append(buf, text, (size_t)len);
	fnt_buf_append_text(buf, units[unit].name);
}

static const char *
capture_word(enum fnt_capture capture)
{
	return captures[capture <= FNT_CAPTURE_HASH ? capture : FNT_CAPTURE_OFF];
}

static void
write_setting(struct fnt_buf *buf, const struct fnt_settings *settings,
	      enum fnt_setting key)
{
	switch (key) {
	case FNT_SETTING_ENABLED:
		fnt_buf_append_text(buf, settings->enabled ? "on" : "off");
		break;
	case FNT_SETTING_KEEP:
		write_share(buf, settings->keep);
		break;
	case FNT_SETTING_SLOW:
		write_time(buf, settings->slow_ns);
		break;
	case FNT_SETTING_KEEP_ERRORS:
		fnt_buf_append_text(buf, settings->keep_errors ? "on" : "off");
		break;
	case FNT_SETTING_RATE:
		if (settings->rate)
			fnt_json_u64(buf, settings->rate);
		else
			fnt_buf_append_text(buf, "off");
		break;
	case FNT_SETTING_VALUES:
		fnt_buf_append_text(buf, capture_word(settings->capture_values));
		break;
	case FNT_SETTING_IDS:
		fnt_buf_append_text(buf, capture_word(settings->capture_ids));
		break;
	case FNT_SETTING_USERS:
		fnt_buf_append_text(buf, capture_word(settings->capture_users));
		break;
	case FNT_SETTINGS:
		break;
	}
}

char *
fnt_settings_text(const struct fnt_settings *settings, char *text, size_t size)
{
	char room[TEXT_ROOM];
	struct fnt_buf buf;
	size_t len;

	fnt_buf_init_fixed(&buf, room, sizeof(room));
	for (int key = 0; key < FNT_SETTINGS; key++) {
		if (!(settings->set & 1u << key))
			continue;
		if (buf.len)
			fnt_buf_append_text(&buf, " ");
		fnt_buf_append_text(&buf, keys[key].key);
		fnt_buf_append_text(&buf, "=");
		write_setting(&buf, settings, (enum fnt_setting)key);
	}
	len = buf.error ? 0 : buf.len;
	if (size) {
		len = len < size ? len : size - 1;
		memcpy(text, room, len);
		text[len] = '\0';
	}
	return text;
}
