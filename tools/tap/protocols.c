/* SPDX-License-Identifier: MIT */
#include "tap/protocols.h"
#include "tap/jsonrpc.h"
#include "tap/pylon.h"

#include <stdlib.h>
#include <string.h>

/* LSP comes before MCP: a body of it that ends in a newline is a line of MCP, too. */
static const struct protocol *const protocols[] = {&pylon_protocol, &lsp_protocol,
						   &mcp_protocol, &jsonrpc_protocol};

#define ALL (sizeof(protocols) / sizeof(protocols[0]))
/* Those that auto tries: messages of plain JSON-RPC are messages of MCP, too. */
#define PROTOCOLS (ALL - 1)

const struct protocol *
protocol_by_name(const char *name)
{
	if (!strcmp(name, auto_protocol.name))
		return &auto_protocol;
	for (size_t i = 0; i < ALL; i++)
		if (!strcmp(name, protocols[i]->name))
			return protocols[i];
	return NULL;
}

const char *
protocol_count_name(enum protocol_count count)
{
	static const char *const names[PROTOCOL_COUNTS] = {
		[PROTOCOL_CALLS] = "calls",
		[PROTOCOL_ABORTED] = "calls aborted",
		[PROTOCOL_OPS] = "operations",
		[PROTOCOL_MESSAGES] = "messages",
		[PROTOCOL_NO_JSON] = "lines that are not JSON",
		[PROTOCOL_NO_MESSAGE] = "lines that are no message",
		[PROTOCOL_UNMATCHED] = "messages about nothing open",
		[PROTOCOL_ID_IN_USE] = "ids used twice",
		[PROTOCOL_OVER_LIMIT] = "over a limit",
		[PROTOCOL_TOO_DEEP] = "nested too deep",
	};

	return names[count];
}

/* ---- auto ------------------------------------------------------------------------ */

struct candidates {
	void *states[PROTOCOLS]; /* NULL: out of the running */
	size_t chosen;		 /* PROTOCOLS: none yet */
};

static void
drop(struct candidates *all, size_t i)
{
	if (!all->states[i])
		return;
	protocols[i]->finish(all->states[i]);
	protocols[i]->destroy(all->states[i]);
	all->states[i] = NULL;
}

/* If protocol `i` has understood a message, drop the others. Returns whether it has. */
static bool
choose(struct candidates *all, size_t i)
{
	if (!protocols[i]->counts(all->states[i])->of[PROTOCOL_MESSAGES])
		return false;
	all->chosen = i;
	for (size_t other = 0; other < PROTOCOLS; other++)
		if (other != i)
			drop(all, other);
	return true;
}

/* Once a protocol has understood a message, no other is fed: it would record the same
 * call again. */
static void
auto_feed(void *state, const struct protocol_piece *piece)
{
	struct candidates *all = state;

	if (all->chosen < PROTOCOLS) {
		protocols[all->chosen]->feed(all->states[all->chosen], piece);
		return;
	}
	for (size_t i = 0; i < PROTOCOLS; i++) {
		protocols[i]->feed(all->states[i], piece);
		if (choose(all, i))
			return;
	}
}

static void
auto_eof(void *state, enum protocol_dir dir)
{
	struct candidates *all = state;

	for (size_t i = 0; i < PROTOCOLS; i++) {
		if (!all->states[i])
			continue;
		protocols[i]->eof(all->states[i], dir);
		if (all->chosen == PROTOCOLS && choose(all, i))
			return;
	}
}

static void
auto_finish(void *state)
{
	struct candidates *all = state;

	for (size_t i = 0; i < PROTOCOLS; i++)
		if (all->states[i])
			protocols[i]->finish(all->states[i]);
}

static const struct protocol_counts *
auto_counts(const void *state)
{
	const struct candidates *all = state;
	size_t i = all->chosen < PROTOCOLS ? all->chosen : 0;

	return protocols[i]->counts(all->states[i]);
}

static void
auto_notices(const void *state, char *text, size_t size)
{
	const struct candidates *all = state;
	size_t i = all->chosen;

	text[0] = '\0';
	if (i < PROTOCOLS && protocols[i]->notices)
		protocols[i]->notices(all->states[i], text, size);
}

static void
auto_destroy(void *state)
{
	struct candidates *all = state;

	for (size_t i = 0; i < PROTOCOLS; i++)
		if (all->states[i])
			protocols[i]->destroy(all->states[i]);
	free(all);
}

static void *
auto_create(const struct protocol_setup *setup)
{
	struct candidates *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->chosen = PROTOCOLS;
	for (size_t i = 0; i < PROTOCOLS; i++) {
		all->states[i] = protocols[i]->create(setup);
		if (!all->states[i]) {
			auto_destroy(all);
			return NULL;
		}
	}
	return all;
}

const struct protocol auto_protocol = {
	.name = "auto",
	.create = auto_create,
	.feed = auto_feed,
	.eof = auto_eof,
	.finish = auto_finish,
	.counts = auto_counts,
	.notices = auto_notices,
	.destroy = auto_destroy,
};
