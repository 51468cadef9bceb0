/* SPDX-License-Identifier: MIT
 *
 * wire.h: the messages between the parent and a worker, over one SOCK_SEQPACKET pair
 * for each worker. A message arrives whole or not at all, even if the worker is killed.
 *
 *      parent ── CALL ───────────────────────────────────► worker
 *             ◄── READY, CHUNK …, SCHEDULE …, RUN …, RETURN ──
 *             ── to each RUN a RESULT ──────────────────►
 *
 * A message is a byte for its kind, followed by NUL-terminated strings.
 */
#ifndef RUNTIME_WIRE_H
#define RUNTIME_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_BYTES 65536u
#define WIRE_FIELDS 24u

enum wire_kind {
	WIRE_READY = 'r',    /* the database is open */
	WIRE_CALL = 'c',     /* a request (request.h) */
	WIRE_CHUNK = 's',    /* data for the client */
	WIRE_SCHEDULE = 'l', /* delay_ms or "", run_at or "", a request */
	WIRE_RUN = 'n',	     /* a request: a nested call for another worker */
	/* As RETURN. Outcome "": no worker is idle, the caller runs it itself. */
	WIRE_RESULT = 't',
	/* The number of calls run, outcome, value or code, message. */
	WIRE_RETURN = 'v',
};

struct wire {
	size_t len, count;
	bool overflow; /* a string did not fit; wire_send() refuses it */
	const char *field[WIRE_FIELDS]; /* the strings of a received message */
	char bytes[WIRE_BYTES];
};

/* Begin a message, and append a string or a number to it. */
void wire_begin(struct wire *wire, enum wire_kind kind);
void wire_add(struct wire *wire, const char *text);
void wire_add_int(struct wire *wire, uint64_t number);

/* Send the message. Returns 0, -EMSGSIZE if it did not fit, -EAGAIN if the descriptor
 * is non-blocking and full, or another -errno (-EPIPE) if the other side has gone. */
int wire_send(struct wire *wire, int fd);

/* Receive a message; its strings are in `field`. Returns its kind; 0 if the other side
 * has gone; -EAGAIN if there is none and the descriptor is non-blocking; -EPROTO if it
 * is not a message of this kind. */
int wire_receive(struct wire *wire, int fd);

/* Field `at` of a received message, as text and as a number; "" and 0 if there are
 * fewer fields. */
const char *wire_text(const struct wire *wire, size_t at);
uint64_t wire_int(const struct wire *wire, size_t at);

#endif
