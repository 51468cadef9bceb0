/* SPDX-License-Identifier: MIT
 *
 * due.h: scheduled function calls, ordered by the time at which they run.
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

/* Schedule a request. Returns false if there are DUE_MAX already or no memory. */
bool due_add(struct due *due, int64_t at_ms, const struct request *request);

/* When the next request runs, Unix time; INT64_MAX: there is none. */
int64_t due_next_ms(const struct due *due);

/* Remove the next request. There must be one. */
void due_take(struct due *due, struct request *request);

/* Free all requests. */
void due_fini(struct due *due);

#endif
