/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#define FIRST_CAP 512u

/* Make room for at least `len` more bytes. Doubling makes n appends copy O(n) bytes. */
static int
grow(struct fnt_buf *buf, size_t len)
{
	size_t cap = buf->cap ? buf->cap : FIRST_CAP;
	char *data;

	/* No object is larger than PTRDIFF_MAX, and up to that doubling can't
	 * overflow. */
	if (buf->fixed || len > (size_t)PTRDIFF_MAX - buf->len)
		return -ENOMEM;
	while (cap - buf->len < len)
		cap *= 2;
	data = realloc(buf->data, cap);
	if (!data)
		return -ENOMEM;
	buf->data = data;
	buf->cap = cap;
	return 0;
}

char *
fnt_buf_reserve(struct fnt_buf *buf, size_t len)
{
	if (!buf->error && (!buf->data || buf->cap - buf->len < len) && grow(buf, len))
		fnt_buf_fail(buf);
	return buf->error ? NULL : buf->data + buf->len;
}

void
fnt_buf_fail(struct fnt_buf *buf)
{
	buf->error = -ENOMEM;
	/* With no room left fnt_buf_append_char() does not store a byte directly. */
	buf->cap = buf->len;
}

void
fnt_buf_append(struct fnt_buf *buf, const void *bytes, size_t len)
{
	char *place;

	if (!len)
		return;
	place = fnt_buf_reserve(buf, len);
	if (place) {
		memcpy(place, bytes, len);
		buf->len += len;
	}
}

int
fnt_buf_steal(struct fnt_buf *buf, char **data, size_t *len)
{
	char *end = fnt_buf_reserve(buf, 1);
	int error = buf->error;

	*data = NULL;
	if (end) {
		*end = '\0';
		*data = buf->data;
		if (len)
			*len = buf->len;
	} else {
		free(buf->data);
	}
	fnt_buf_init(buf);
	return error;
}
