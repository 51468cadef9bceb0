/* SPDX-License-Identifier: MIT
 *
 * tool.h: how the process starts, stops and ends.
 *
 * Threads: one at a time. tool_stopped is set by a signal handler.
 */
#ifndef FNT_CLI_TOOL_H
#define FNT_CLI_TOOL_H

#include <signal.h>

/* Set up locale, standard descriptors, colour and the SIGBUS handler. Call it once,
 * before anything else. */
void tool_init(void);

/* Catch SIGINT and SIGTERM from now on: they set tool_stopped and interrupt system
 * calls. */
extern volatile sig_atomic_t tool_stopped;
void tool_catch_stop(void);

/* Flush stdout. Returns TOOL_OK, or TOOL_FAILED with a message on stderr. If the reader
 * of stdout has gone (EPIPE), the process dies of SIGPIPE without a message. */
int tool_flush(void);

#endif
