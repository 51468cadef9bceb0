/* SPDX-License-Identifier: MIT
 *
 * framing.h: cuts a stream of bytes into JSON-RPC messages.
 *
 *      bytes ──► framing_next ──► piece, piece, … end ──► jsonscan
 *
 * Two framings are known: a message per line (MCP), and a header with Content-Length
 * before each message (the base protocol of the Language Server Protocol, 3.17). A
 * message that is an array is a batch (JSON-RPC 2.0, section 6): each of its elements
 * is given as a message of its own.
 *
 * Nothing is stored of a message, so memory does not grow with its size. After a header
 * that makes no sense, bytes are passed over until the next "Content-Length:".
 *
 * Threads: one at a time for a struct framing. No function blocks.
 */
#ifndef FNT_TAP_FRAMING_H
#define FNT_TAP_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMING_HEADER_MAX 4096		     /* bytes; a longer header makes no sense */
#define FRAMING_BODY_MAX (UINT64_C(1) << 40) /* nor does a longer message */

enum framing_kind {
	FRAMING_AUTO = 0, /* by the first byte: a header begins with 'C' or 'c' */
	FRAMING_LINES,
	FRAMING_HEADERS,
};

/* What framing_next() found. */
struct framing_piece {
	const char
		*text; /* `len` bytes of the current message, in the caller's bytes */
	size_t len;
	bool end; /* the message is complete after these bytes */
	bool bad; /* here was something that is no message; `end` is not set */
};

/* All zero, but for `kind`: at the start of a stream. Private from there on. */
struct framing {
	enum framing_kind kind;
	int state;	    /* of the headers */
	size_t header_len;  /* bytes of the header so far */
	size_t matched;	    /* of "content-length:", in the header's current line */
	bool has_length;    /* the header has said how long the body is */
	uint64_t body_left; /* bytes; while the length is read, its value so far */
	int batch;	    /* the state within a message that may be a batch */
	unsigned depth;	    /* of brackets within an element of a batch */
	bool in_string, in_escape;
	bool any; /* the current line or body has had a byte that is no space */
};

/* Take bytes from the front of `bytes`, `len` of which are there, at least 1. Returns
 * how many were taken, at least 1; what they are is in *piece. */
size_t framing_next(struct framing *framing, const char *bytes, size_t len,
		    struct framing_piece *piece);

/* The stream has ended: *piece says whether that ends a message (a last line without a
 * newline), or cuts one off (`bad`). */
void framing_end(struct framing *framing, struct framing_piece *piece);

#endif
