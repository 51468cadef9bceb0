/* SPDX-License-Identifier: MIT */
#include "tap/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define VARIABLE "TRACEPARENT"

bool
context_set_up(char traceparent[CONTEXT_SIZE])
{
	const char *given = getenv(VARIABLE);
	unsigned char ids[24];
	int len;

	traceparent[0] = '\0';
	if (given && given[0]) {
		if (strlen(given) == CONTEXT_SIZE - 1)
			memcpy(traceparent, given, CONTEXT_SIZE);
		return true;
	}
	if (getrandom(ids, sizeof(ids), 0) != (ssize_t)sizeof(ids))
		return false;
	ids[0] |= 1; /* neither id may be all zero */
	ids[16] |= 1;
	len = snprintf(traceparent, CONTEXT_SIZE, "00-");
	for (size_t i = 0; i < sizeof(ids); i++)
		len += snprintf(traceparent + len, (size_t)(CONTEXT_SIZE - len),
				"%s%02x", i == 16 ? "-" : "", ids[i]);
	/* Sampled, and random (W3C Trace Context level 2). */
	snprintf(traceparent + len, (size_t)(CONTEXT_SIZE - len), "-03");
	if (setenv(VARIABLE, traceparent, 1))
		traceparent[0] = '\0';
	return false;
}
