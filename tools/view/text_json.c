/* SPDX-License-Identifier: MIT
 *
 * Prints JSON: strings, texts made by the library, and texts laid out for people.
 */
#include "view/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Print \uXXXX; a surrogate pair for a character outside the basic plane. */
static void
put_unit_escape(FILE *out, uint32_t character)
{
	if (character >= 0x10000) {
		fprintf(out, "\\u%04x", (unsigned)(0xd7c0 + (character >> 10)));
		character = 0xdc00 | (character & 0x3ff);
	}
	fprintf(out, "\\u%04x", (unsigned)character);
}

static bool
is_raw(uint32_t character, bool ascii_only)
{
	return !text_is_unsafe(character) && !(ascii_only && character >= 0x80);
}

void
text_put_json(FILE *out, const char *json)
{
	bool ascii_only = !text_is_utf8() && isatty(fileno(out));
	size_t len = strlen(json), run = 0;

	/* A JSON text has no unsafe characters outside strings, except line ends and
	 * tabs, which the library does not write. So an escape is valid wherever an
	 * unsafe character is found. */
	for (size_t i = 0; i < len;) {
		uint32_t character;
		size_t taken = text_decode(json + i, len - i, &character);

		if (!is_raw(character, ascii_only)) {
			fwrite(json + run, 1, i - run, out);
			put_unit_escape(out,
					character == TEXT_INVALID ? 0xfffd : character);
			run = i + taken;
		}
		i += taken;
	}
	fwrite(json + run, 1, len - run, out);
}

void
text_put_json_string(FILE *out, const char *s)
{
	bool ascii_only = !text_is_utf8() && isatty(fileno(out));
	size_t len = strlen(s);

	putc('"', out);
	for (size_t i = 0; i < len;) {
		uint32_t character;
		size_t taken = text_decode(s + i, len - i, &character);

		if (character == TEXT_INVALID)
			character = 0xfffd;
		if (character == '"' || character == '\\')
			fprintf(out, "\\%c", (int)character);
		else if (character == 0xfffd || !is_raw(character, ascii_only))
			put_unit_escape(out, character);
		else
			fwrite(s + i, 1, taken, out);
		i += taken;
	}
	putc('"', out);
}

void
text_put_json_string_or_null(FILE *out, const char *s)
{
	if (*s)
		text_put_json_string(out, s);
	else
		fputs("null", out);
}

/* ---- for people ----------------------------------------------------------------- */

/* Builds a line from tokens; end_line() escapes, cuts and prints it. */
struct pretty {
	FILE *out;
	size_t indent, columns, max_lines;
	size_t lines; /* written */
	size_t depth;
	char *line;
	size_t used;
};

static bool
is_full(const struct pretty *pretty)
{
	return pretty->max_lines != 0 && pretty->lines >= pretty->max_lines;
}

static void
end_line(struct pretty *pretty)
{
	size_t columns = pretty->columns;

	if (columns != 0)
		columns = columns > pretty->indent ? columns - pretty->indent : 1;
	if (pretty->used > 0 && !is_full(pretty)) {
		pretty->line[pretty->used] = '\0';
		fprintf(pretty->out, "%*s", (int)pretty->indent, "");
		text_put_cut(pretty->out, pretty->line, columns);
		putc('\n', pretty->out);
		pretty->lines++;
	}
	/* Bounded, so that deep nesting does not push the text off the screen. */
	pretty->used = 2 * (pretty->depth < 16 ? pretty->depth : 16);
	memset(pretty->line, ' ', pretty->used);
}

/* The length of the string literal at `json`, with its quotes. */
static size_t
string_len(const char *json)
{
	size_t i = 1;

	while (json[i] != '\0' && json[i] != '"')
		i += json[i] == '\\' && json[i + 1] != '\0' ? 2 : 1;
	return json[i] == '"' ? i + 1 : i;
}

/* Add the token at `json` to the line, ending lines around it. Returns its length. */
static size_t
put_token(struct pretty *pretty, const char *json)
{
	char c = json[0];
	size_t len = c == '"' ? string_len(json) : 1;

	if ((c == '{' || c == '[') && (json[1] == '}' || json[1] == ']'))
		len = 2;
	else if ((c == '}' || c == ']') && pretty->depth > 0) {
		pretty->depth--;
		end_line(pretty);
	}
	memcpy(pretty->line + pretty->used, json, len);
	pretty->used += len;
	if (len == 1 && (c == '{' || c == '[')) {
		pretty->depth++;
		end_line(pretty);
	} else if (c == ',') {
		end_line(pretty);
	} else if (c == ':') {
		pretty->line[pretty->used++] = ' ';
	}
	return len;
}

static bool
fits_one_line(const char *json, size_t indent, size_t columns)
{
	char *escaped = text_escape(json, strlen(json));
	size_t width = text_width(escaped);

	free(escaped);
	return width + indent <= (columns == 0 ? 100 : columns);
}

bool
text_put_json_pretty(FILE *out, const char *json, size_t indent, size_t columns,
		     size_t max_lines)
{
	size_t len = strlen(json), i = 0;
	struct pretty pretty = {
		.out = out,
		.indent = indent,
		.columns = columns,
		.max_lines = max_lines,
		.line = text_alloc(len + 64),
	};

	if (fits_one_line(json, indent, columns)) {
		fprintf(out, "%*s", (int)indent, "");
		text_put(out, json);
		putc('\n', out);
		i = len;
	}
	while (i < len && !is_full(&pretty))
		i += put_token(&pretty, json + i);
	if (pretty.used > 0 && is_full(&pretty))
		i = 0;
	else if (pretty.used > 0)
		end_line(&pretty);
	free(pretty.line);
	return i == len;
}
