/* SPDX-License-Identifier: MIT */
#include "produce/capture.h"

#include "base/siphash.h"

#include <string.h>

/* Write "h:" and 16 digits. */
static void
put_hash(char *to, uint64_t hash)
{
	static const char digits[] = "0123456789abcdef";

	to[0] = 'h';
	to[1] = ':';
	for (int i = 0; i < 16; i++)
		to[2 + i] = digits[hash >> (60 - 4 * i) & 15];
}

/* Without a secret key, a hash could be undone by trying texts: what was to be hashed
 * is left out. */
static bool
has_key(const struct fnt_attachment *attachment)
{
	return (attachment->hash_key[0] | attachment->hash_key[1]) != 0;
}

const char *
fnt_capture_text(const struct fnt_attachment *attachment, uint8_t how, const char *text,
		 struct fnt_hashed *room)
{
	if (!text || how == FNT_CAPTURE_OFF)
		return NULL;
	if (how != FNT_CAPTURE_HASH)
		return text;
	if (!has_key(attachment))
		return NULL;
	put_hash(room->text, fnt_siphash(attachment->hash_key, text, strlen(text)));
	room->text[FNT_HASHED_BYTES - 1] = '\0';
	return room->text;
}

bool
fnt_capture_value(const struct fnt_attachment *attachment, uint8_t how,
		  struct fnt_value *value, char room[FNT_HASHED_JSON_BYTES])
{
	if (how == FNT_CAPTURE_OFF)
		return false;
	/* A length without data stands for a value that did not fit: leave it so. */
	if (how != FNT_CAPTURE_HASH || (!value->data && value->len))
		return true;
	if (!has_key(attachment))
		return false;
	room[0] = room[FNT_HASHED_JSON_BYTES - 2] = '"';
	room[FNT_HASHED_JSON_BYTES - 1] = '\0';
	put_hash(room + 1, fnt_siphash(attachment->hash_key, value->data, value->len));
	value->kind = FNT_VALUE_JSON;
	value->data = room;
	value->len = FNT_HASHED_JSON_BYTES - 1;
	return true;
}
