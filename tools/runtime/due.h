/* SPDX-License-Identifier: MIT
 *
 * due.h: functions that are to run later, in order of when.
 */
#ifndef RUNTIME_DUE_H
#define RUNTIME_DUE_H

#include "request.h"

#include <stdbool.h>

#define DUE_MAX 8192u

struct due_item {
	int64_t at_ms; /* Unix time */
	struct request request;
};

struct due {
	struct due_item *items; /* a binary heap: the earliest first */
	size_t count, room;
};

/* False: there are DUE_MAX already, or there is no memory. */
bool due_add(struct due *due, int64_t at_ms, const struct request *request);

/* When the next one is due; INT64_MAX: there is none. */
int64_t due_next_ms(const struct due *due);

/* Take the next one out. There must be one. */
void due_take(struct due *due, struct request *request);

void due_fini(struct due *due);

#endif
