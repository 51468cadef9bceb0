/* SPDX-License-Identifier: MIT
 *
 * wire.h: what the parent and a worker say to each other, over one SOCK_SEQPACKET pair
 * each, so that a message arrives whole or not at all, also from a worker that is
 * killed.
 *
 *      parent ── CALL ───────────────────────────────────► worker
 *             ◄── READY, CHUNK …, SCHEDULE …, RUN …, RETURN ──
 *             ── to each RUN a RESULT ──────────────────►
 *
 * A message is its kind and some strings, each ended by a NUL.
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
	WIRE_CALL = 'c',     /* a request, see request.h */
	WIRE_CHUNK = 's',    /* data for the client */
	WIRE_SCHEDULE = 'l', /* delay_ms or "", run_at or "", a request */
	WIRE_RUN = 'n',	     /* a request: a nested call, for some other worker */
	WIRE_RESULT = 't', /* as RETURN; outcome "": nobody is free, run it yourself */
	WIRE_RETURN =
		'v', /* calls run (nested ones too), outcome, value or code, message */
};

struct wire {
	size_t len, count;
	bool overflow;			/* something did not fit: not to be sent */
	const char *field[WIRE_FIELDS]; /* of a message received */
	char bytes[WIRE_BYTES];
};

void wire_begin(struct wire *wire, enum wire_kind kind);
void wire_add(struct wire *wire, const char *text);
void wire_add_int(struct wire *wire, uint64_t number);

/* 0; -EAGAIN (the descriptor is non-blocking and full), -EPIPE and the like: the other
 * side is gone; -EMSGSIZE. */
int wire_send(struct wire *wire, int fd);

/* The kind of the next message, its strings in `field`; 0: the other side is gone;
 * -EAGAIN: none now (non-blocking descriptor); -EPROTO: not one of ours. */
int wire_receive(struct wire *wire, int fd);

/* Field `at`, "" where there are not so many. */
const char *wire_text(const struct wire *wire, size_t at);
uint64_t wire_int(const struct wire *wire, size_t at);

#endif
