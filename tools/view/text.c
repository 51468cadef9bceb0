/* SPDX-License-Identifier: MIT */
#include "view/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static struct {
	bool utf8;
	bool colour;
} terminal;

void
text_init(bool utf8, bool colour)
{
	terminal.utf8 = utf8;
	terminal.colour = colour;
}

void
text_set_colour(bool colour)
{
	terminal.colour = colour;
}

bool
text_is_utf8(void)
{
	return terminal.utf8;
}

void
text_style(FILE *out, enum text_style style)
{
	static const char *const codes[] = {
		[TEXT_PLAIN] = "\x1b[0m",  [TEXT_BOLD] = "\x1b[1m",
		[TEXT_DIM] = "\x1b[2m",	   [TEXT_GOOD] = "\x1b[32m",
		[TEXT_BAD] = "\x1b[1;31m", [TEXT_WARN] = "\x1b[33m",
		[TEXT_TITLE] = "\x1b[4m",
	};

	if (terminal.colour)
		fputs(codes[style], out);
}

size_t
text_columns(FILE *out)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	int fd = fileno(out), width = 0;

	if (!isatty(fd))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	if (columns)
		width = atoi(columns);
	return width > 0 && width < 10000 ? (size_t)width : 80;
}

void *
text_alloc(size_t size)
{
	void *memory = malloc(size ? size : 1);

	if (!memory) {
		fputs("fntrace: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return memory;
}

/* ---- characters ----------------------------------------------------------------- */

size_t
text_decode(const char *s, size_t len, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = (unsigned char)s[0];
	size_t need = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	uint32_t value = need == 1 ? lead : lead & (0x7fu >> need);

	*character = TEXT_INVALID;
	if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || need > len)
		return 1;
	for (size_t i = 1; i < need; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 1;
		value = value << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (value < least[need] || value > 0x10ffff || (value & 0xfffff800) == 0xd800)
		return 1;
	*character = value;
	return need;
}

/* Control characters, line separators, invisible characters and those that change the
 * direction of writing. Joiners (U+200C, U+200D) are safe: several scripts need
 * them. */
bool
text_is_unsafe(uint32_t character)
{
	static const struct {
		uint32_t first, last;
	} unsafe[] = {
		{0, 0x1f},
		{0x7f, 0x9f},
		{0xad, 0xad},
		{0x61c, 0x61c},
		{0x180e, 0x180e},
		{0x200b, 0x200b},
		{0x200e, 0x200f},
		{0x2028, 0x202e},
		{0x2060, 0x206f},
		{0xfeff, 0xfeff},
		{0xfff9, 0xfffb},
		{0xe0000, 0xe007f},
		{0x110000, UINT32_MAX},
	};

	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
		if (character >= unsafe[i].first && character <= unsafe[i].last)
			return true;
	return false;
}

/* Whether the character is printed as it is. What the locale cannot show is escaped:
 * outside UTF-8 the bytes of a character may be control characters. */
static bool
is_shown(uint32_t character)
{
	if (text_is_unsafe(character))
		return false;
	return character < 0x80 || (terminal.utf8 && wcwidth((wchar_t)character) >= 0);
}

/* At most 11 bytes and a NUL. */
static void
print_escape(char out[12], uint32_t character, unsigned char byte)
{
	if (character == '\n')
		strcpy(out, "\\n");
	else if (character == '\r')
		strcpy(out, "\\r");
	else if (character == '\t')
		strcpy(out, "\\t");
	else if (character == TEXT_INVALID || character < 0x80)
		snprintf(out, 12, "\\x%02x", (unsigned)byte);
	else if (character < 0x10000)
		snprintf(out, 12, "\\u%04x", (unsigned)character);
	else
		snprintf(out, 12, "\\U%08x", (unsigned)character);
}

/* ---- untrusted strings ---------------------------------------------------------- */

char *
text_escape(const char *s, size_t len)
{
	/* The longest escape is four bytes for one, such as \x1b. */
	char *copy = text_alloc(len * 4 + 12);
	size_t used = 0;

	for (size_t i = 0; i < len;) {
		uint32_t character;
		size_t taken = text_decode(s + i, len - i, &character);

		if (is_shown(character)) {
			memcpy(copy + used, s + i, taken);
			used += taken;
		} else {
			print_escape(copy + used, character, (unsigned char)s[i]);
			used += strlen(copy + used);
		}
		i += taken;
	}
	copy[used] = '\0';
	return copy;
}

static size_t
character_width(uint32_t character)
{
	int width = character < 0x80 ? 1 : wcwidth((wchar_t)character);

	return width > 0 ? (size_t)width : 0;
}

size_t
text_fit(const char *escaped, size_t columns, size_t *used)
{
	size_t len = strlen(escaped), i = 0;

	*used = 0;
	while (i < len) {
		uint32_t character;
		size_t taken = text_decode(escaped + i, len - i, &character);
		size_t width = character_width(character);

		if (*used + width > columns)
			break;
		*used += width;
		i += taken;
	}
	return i;
}

size_t
text_width(const char *escaped)
{
	size_t width;

	text_fit(escaped, SIZE_MAX / 2, &width);
	return width;
}

const char *
text_ellipsis(void)
{
	return terminal.utf8 ? "…" : "...";
}

void
text_put_cut(FILE *out, const char *s, size_t columns)
{
	char *escaped = text_escape(s, strlen(s));
	size_t width = text_width(escaped);

	if (columns == 0 || width <= columns) {
		fputs(escaped, out);
	} else {
		size_t mark = text_width(text_ellipsis());
		size_t room = columns > mark ? columns - mark : 0;

		fwrite(escaped, 1, text_fit(escaped, room, &width), out);
		fputs(text_ellipsis(), out);
	}
	free(escaped);
}

void
text_put(FILE *out, const char *s)
{
	text_put_cut(out, s, 0);
}
