/* SPDX-License-Identifier: MIT
 *
 * context.h: the trace context that the tap takes from its environment and gives to CMD
 * (W3C Trace Context, as text in the variable TRACEPARENT).
 */
#ifndef FNT_TAP_CONTEXT_H
#define FNT_TAP_CONTEXT_H

#include <stdbool.h>

#define CONTEXT_SIZE 56

/* Store the traceparent that CMD is to have: $TRACEPARENT if it is set, else a new one
 * of random ids, which is put into the environment. "" if there is no randomness.
 * Returns whether it came from the environment. Not while other threads run. */
bool context_set_up(char traceparent[CONTEXT_SIZE]);

#endif
