/* SPDX-License-Identifier: MIT
 *
 * protocols.h: the protocols that there are.
 *
 * Threads: one at a time. Nothing here blocks.
 */
#ifndef FNT_TAP_PROTOCOLS_H
#define FNT_TAP_PROTOCOLS_H

#include "tap/protocol.h"

/* The choices of --protocol, as one text: "pylon, mcp, lsp, jsonrpc, auto". */
#define PROTOCOL_NAMES "pylon, mcp, lsp, jsonrpc, auto"

/* A protocol by its name. NULL: there is none. */
const struct protocol *protocol_by_name(const char *name);

/* What a count is called in messages: "lines that are not JSON". A static string. */
const char *protocol_count_name(enum protocol_count count);

/* Pylon, LSP or MCP: all are fed until one has understood a message. Then that one goes
 * on alone. Until then the counts are those of the first in the table. */
extern const struct protocol auto_protocol;

#endif
