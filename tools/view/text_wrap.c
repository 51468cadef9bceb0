/* SPDX-License-Identifier: MIT
 *
 * Wraps lines at the width of a terminal.
 */
#include "view/text.h"

#include <string.h>

#define HANG 4 /* columns of a hanging indent without a last column to align with */

static size_t
line_length(const char *line)
{
	return strcspn(line, "\n");
}

static bool
is_prose(const char *line)
{
	return *line != '\0' && *line != '\n' && *line != ' ';
}

/* The indent of a line's continuation: its last column of text, if that leaves half of
 * the width. */
static size_t
hang_of(const char *line, size_t len, size_t columns)
{
	size_t begin = strspn(line, " "), last = begin;

	for (size_t i = begin + 2; i < len; i++)
		if (line[i] != ' ' && line[i - 1] == ' ' && line[i - 2] == ' ')
			last = i;
	if (last <= columns / 2)
		return last;
	return begin + HANG <= columns / 2 ? begin + HANG : 0;
}

/* How many of the `len` bytes to print on a line of `columns`: up to the last blank
 * that fits. A word that is longer than the line is not broken. */
static size_t
fitting(const char *text, size_t len, size_t columns)
{
	size_t end = columns;

	if (len <= columns)
		return len;
	while (end > 0 && text[end] != ' ')
		end--;
	while (end > 0 && text[end - 1] == ' ')
		end--;
	if (end > 0)
		return end;
	while (end < len && text[end] == ' ')
		end++;
	while (end < len && text[end] != ' ')
		end++;
	return end;
}

static void
put_line(FILE *out, const char *line, size_t len, size_t columns)
{
	size_t hang = hang_of(line, len, columns), used = 0;

	/* The first line keeps its own indent; the others get the hanging one. */
	for (size_t done = 0; done < len;) {
		size_t room = columns > used ? columns - used : 1;
		size_t take = fitting(line + done, len - done, room);

		fprintf(out, "%*s%.*s\n", (int)used, "", (int)take, line + done);
		done += take;
		done += strspn(line + done, " ");
		used = hang;
	}
}

/* Print the words of a paragraph, filled to `columns`. */
static void
put_paragraph(FILE *out, const char *text, size_t len, size_t columns)
{
	size_t column = 0;

	for (size_t done = 0; done < len;) {
		size_t word = strcspn(text + done, " \n");

		if (column > 0 && column + 1 + word > columns) {
			putc('\n', out);
			column = 0;
		} else if (column > 0) {
			putc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)word, text + done);
		column += word;
		done += word;
		done += strspn(text + done, " \n");
	}
	putc('\n', out);
}

/* The length of the paragraph that begins here; 0: none. *longest: its longest line. */
static size_t
paragraph_length(const char *text, size_t *longest)
{
	size_t len = 0;

	*longest = 0;
	while (is_prose(text + len)) {
		size_t line = line_length(text + len);

		*longest = line > *longest ? line : *longest;
		len += line + (text[len + line] == '\n');
	}
	return len;
}

void
text_put_wrapped(FILE *out, const char *text, size_t columns)
{
	while (*text != '\0') {
		size_t longest, len = paragraph_length(text, &longest);

		if (len > 0 && columns > 0 && longest > columns) {
			put_paragraph(out, text, len, columns);
		} else if (len > 0) {
			fwrite(text, 1, len, out);
		} else {
			len = line_length(text);
			if (columns > 0 && len > columns)
				put_line(out, text, len, columns);
			else
				fprintf(out, "%.*s\n", (int)len, text);
			len += text[len] == '\n';
		}
		text += len;
	}
}
