/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void
wire_begin(struct wire *wire, enum wire_kind kind)
{
	wire->bytes[0] = (char)kind;
	wire->len = 1;
	wire->count = 0;
	wire->overflow = false;
}

void
wire_add(struct wire *wire, const char *text)
{
	size_t len = strlen(text) + 1;

	if (wire->count == WIRE_FIELDS || WIRE_BYTES - wire->len < len) {
		wire->overflow = true;
		return;
	}
	memcpy(wire->bytes + wire->len, text, len);
	wire->len += len;
	wire->count++;
}

void
wire_add_int(struct wire *wire, uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	wire_add(wire, digits);
}

int
wire_send(struct wire *wire, int fd)
{
	ssize_t sent;

	if (wire->overflow)
		return -EMSGSIZE;
	do {
		sent = send(fd, wire->bytes, wire->len, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static int
split(struct wire *wire)
{
	const char *at = wire->bytes + 1, *end = wire->bytes + wire->len;

	if (wire->len > 1 && end[-1] != '\0')
		return -EPROTO;
	for (wire->count = 0; at < end; at += strlen(at) + 1) {
		if (wire->count == WIRE_FIELDS)
			return -EPROTO;
		wire->field[wire->count++] = at;
	}
	return wire->bytes[0];
}

int
wire_receive(struct wire *wire, int fd)
{
	ssize_t got;

	do {
		got = recv(fd, wire->bytes, WIRE_BYTES, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (got == 0)
		return 0;
	wire->len = (size_t)got;
	return split(wire);
}

const char *
wire_text(const struct wire *wire, size_t at)
{
	return at < wire->count ? wire->field[at] : "";
}

uint64_t
wire_int(const struct wire *wire, size_t at)
{
	return strtoull(wire_text(wire, at), NULL, 10);
}
