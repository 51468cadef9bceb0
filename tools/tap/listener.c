/* SPDX-License-Identifier: MIT */
#include "tap/listener.h"

#include <time.h>

uint64_t
listener_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool
listener_init(struct listener *listener, const struct protocol *protocol,
	      const struct protocol_setup *setup)
{
	*listener = (struct listener){.protocol = protocol, .log = setup->log};
	fnt_log_set_time(setup->log, listener_now_ns());
	listener->state = protocol->create(setup);
	return listener->state != NULL;
}

void
listener_feed(struct listener *listener, const struct protocol_piece *piece)
{
	if (!listener->state)
		return;
	fnt_log_set_time(listener->log, piece->at_ns);
	listener->protocol->feed(listener->state, piece);
}

void
listener_eof(struct listener *listener, enum protocol_dir dir)
{
	if (!listener->state)
		return;
	fnt_log_set_time(listener->log, listener_now_ns());
	listener->protocol->eof(listener->state, dir);
}

void
listener_finish(struct listener *listener)
{
	if (!listener->state)
		return;
	fnt_log_set_time(listener->log, listener_now_ns());
	listener->protocol->finish(listener->state);
}

void
listener_fini(struct listener *listener)
{
	if (listener->state)
		listener->protocol->destroy(listener->state);
	listener->state = NULL;
}
