/* SPDX-License-Identifier: MIT
 *
 * buf.h: bytes that are appended, in memory that grows.
 *
 *      init ──► put / char / reserve ──► steal (the caller frees) or fini
 *
 * The first failure sticks: what comes after it is ignored, and steal or `error` says
 * so. So a writer of many small pieces checks once, at the end.
 *
 * One thread at a time for one buffer. May allocate, so not in a signal handler, and
 * not on the producing side.
 */
#ifndef FNT_BASE_BUF_H
#define FNT_BASE_BUF_H

#include <stddef.h>
#include <string.h>

struct fnt_buf {
	char *data; /* NULL until something is put */
	size_t len;
	size_t cap;
	int error; /* 0 or -ENOMEM */
};

static inline void
fnt_buf_init(struct fnt_buf *buf)
{
	*buf = (struct fnt_buf){0};
}

/* Room for `len` more bytes at buf->data + buf->len, which the caller fills and then
 * adds to buf->len. The place, or NULL once the buffer has failed. */
char *fnt_buf_reserve(struct fnt_buf *buf, size_t len);

/* Fail with -ENOMEM: for who allocates beside the buffer. */
void fnt_buf_fail(struct fnt_buf *buf);

/* Append. `bytes` may be NULL if `len` is 0; it must not point into the buffer. */
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

/* Cut back to `len`, which the buffer has had before. */
static inline void
fnt_buf_truncate(struct fnt_buf *buf, size_t len)
{
	if (len < buf->len)
		buf->len = len;
}

/* Hand the bytes over, with a NUL after them that `len` (may be NULL) does not count: 0
 * and *data, to be freed; or -ENOMEM, *data then NULL. The buffer is as after init. */
int fnt_buf_steal(struct fnt_buf *buf, char **data, size_t *len);

#endif
