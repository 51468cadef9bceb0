/* SPDX-License-Identifier: MIT
 *
 * jsonrpc.h: JSON-RPC 2.0, and two protocols made of it: the Model Context Protocol
 * (MCP) and the Language Server Protocol (LSP).
 *
 *      request   {jsonrpc, id, method, params}      a call, or an op of the one call
 *                                                   that is open the other way
 *      response  {jsonrpc, id, result | error}      ends it
 *      notification {jsonrpc, method, params}       counted, by method
 *
 * A call is named by its method; for `tools/call` and `prompts/get` of MCP the name of
 * the tool or prompt follows. A request by the server is an op of the client's request
 * if exactly one is open, since nothing in the messages links the two.
 *
 * Arguments and results may hold secrets: they are recorded only if the options say so.
 * A call's value then is its result, else the sizes of both in bytes.
 *
 * A call is in the tree that its `params._meta.traceparent` names (MCP), else in that
 * of the traceparent that CMD has in its environment.
 *
 * What the dialects add: cancellation (in MCP no answer comes, and the call ends as the
 * error CANCELLED; in LSP an answer comes), progress (counted as stream chunks), and
 * MCP's failed tools, which are an error although the response is none.
 */
#ifndef FNT_TAP_JSONRPC_H
#define FNT_TAP_JSONRPC_H

#include "tap/protocol.h"

#define JSONRPC_TEXT_MAX 1024 /* bytes of names and messages; longer ones are cut */
#define JSONRPC_VALUE_MAX (64 * 1024) /* bytes of a result; a longer one is left out */

extern const struct protocol jsonrpc_protocol, mcp_protocol, lsp_protocol;

#endif
