/* SPDX-License-Identifier: MIT */
#include "tap/listener.h"

bool
listener_init(struct listener *listener, const struct protocol *protocol,
	      const struct protocol_setup *setup)
{
	*listener = (struct listener){.protocol = protocol, .log = setup->log};
	listener->state = protocol->create(setup);
	return listener->state != NULL;
}

void
listener_feed(struct listener *listener, const struct protocol_piece *piece)
{
	if (listener->state)
		listener->protocol->feed(listener->state, piece);
}

void
listener_eof(struct listener *listener, enum protocol_dir dir)
{
	if (listener->state)
		listener->protocol->eof(listener->state, dir);
}

void
listener_finish(struct listener *listener)
{
	if (listener->state)
		listener->protocol->finish(listener->state);
}

void
listener_fini(struct listener *listener)
{
	if (listener->state)
		listener->protocol->destroy(listener->state);
	listener->state = NULL;
}
