/* SPDX-License-Identifier: MIT
 *
 * buf.h: a byte buffer that grows as it is appended to.
 *
 *      init ──► append, append_text, append_char, reserve ──► steal, or free(data)
 *
 * The first failure sticks: later appends are ignored, and `error` or the result of
 * fnt_buf_steal() reports it. A writer of many small pieces checks once, at the end.
 *
 * A buffer belongs to one thread at a time. Appending may allocate, so it is neither
 * for signal handlers nor for the producing side.
 */
#ifndef FNT_BASE_BUF_H
#define FNT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct fnt_buf {
	char *data; /* malloc()ed; NULL until the first append */
	size_t len; /* bytes appended */
	size_t cap; /* bytes allocated */
	int error;  /* 0 or -ENOMEM */
	bool fixed; /* `data` is the caller's memory, and is never allocated */
};

static inline void
fnt_buf_init(struct fnt_buf *buf)
{
	*buf = (struct fnt_buf){0};
}

/* Append to `size` bytes at `room`, never more: what does not fit is an error. For
 * callers that must not allocate. */
static inline void
fnt_buf_init_fixed(struct fnt_buf *buf, char *room, size_t size)
{
	*buf = (struct fnt_buf){.data = room, .cap = size, .fixed = true};
}

/* Make room for `len` more bytes. Returns where they go, buf->data + buf->len, for the
 * caller to fill and then to add to buf->len; NULL once the buffer has failed. */
char *fnt_buf_reserve(struct fnt_buf *buf, size_t len);

/* Set the error to -ENOMEM: for a caller that failed to allocate something else. */
void fnt_buf_fail(struct fnt_buf *buf);

/* Append `len` bytes. `bytes` may be NULL if `len` is 0; it must not point into the
 * buffer. */
void fnt_buf_append(struct fnt_buf *buf, const void *bytes, size_t len);

static inline void
fnt_buf_append_text(struct fnt_buf *buf, const char *text)
{
	fnt_buf_append(buf, text, strlen(text));
}

static inline void
fnt_buf_append_char(struct fnt_buf *buf, char byte)
{
	if (buf->len < buf->cap)
		buf->data[buf->len++] = byte;
	else
		fnt_buf_append(buf, &byte, 1);
}

/* Cut back to `len`, a length that the buffer had before. */
static inline void
fnt_buf_truncate(struct fnt_buf *buf, size_t len)
{
	if (len < buf->len)
		buf->len = len;
}

/* Move the bytes to the caller, with a NUL after them that *len does not count. Returns
 * 0, with *data to be freed by the caller and *len set unless `len` is NULL; or
 * -ENOMEM, with *data NULL. The buffer is then as after fnt_buf_init(). */
int fnt_buf_steal(struct fnt_buf *buf, char **data, size_t *len);

#endif
