/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void
put(struct json *json, const char *bytes, size_t len)
{
	if (json->room - json->len < len + 1) {
		size_t room = json->room ? json->room * 2 : 256;
		char *text;

		while (room - json->len < len + 1)
			room *= 2;
		text = arena_alloc(json->arena, room);
		if (json->len)
			memcpy(text, json->text, json->len);
		json->text = text;
		json->room = room;
	}
	memcpy(json->text + json->len, bytes, len);
	json->len += len;
	json->text[json->len] = '\0';
}

static void
item(struct json *json, const char *bytes, size_t len)
{
	if (json->separate)
		put(json, ",", 1);
	put(json, bytes, len);
	json->separate = true;
}

void
json_open(struct json *json, char bracket)
{
	item(json, &bracket, 1);
	json->separate = false;
}

void
json_close(struct json *json, char bracket)
{
	put(json, &bracket, 1);
	json->separate = true;
}

static void
quote(struct json *json, const char *text)
{
	put(json, "\"", 1);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char escape[8];

		if (c == '"' || c == '\\')
			snprintf(escape, sizeof(escape), "\\%c", c);
		else if (c < 0x20)
			snprintf(escape, sizeof(escape), "\\u%04x", c);
		else
			snprintf(escape, sizeof(escape), "%c", c);
		put(json, escape, strlen(escape));
	}
	put(json, "\"", 1);
}

void
json_key(struct json *json, const char *key)
{
	item(json, "", 0);
	quote(json, key);
	put(json, ":", 1);
	json->separate = false;
}

void
json_text(struct json *json, const char *text)
{
	if (!text) {
		json_raw(json, "null");
		return;
	}
	item(json, "", 0);
	quote(json, text);
}

void
json_int(struct json *json, int64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, number);
	json_raw(json, digits);
}

void
json_real(struct json *json, double number)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%.6g", number);
	json_raw(json, isfinite(number) ? digits : "null");
}

void
json_bool(struct json *json, bool truth)
{
	json_raw(json, truth ? "true" : "false");
}

void
json_raw(struct json *json, const char *value)
{
	item(json, value, strlen(value));
}
