/* SPDX-License-Identifier: MIT */
#include "due.h"

#include <stdlib.h>

static bool
make_room(struct due *due)
{
	size_t room = due->room ? due->room * 2 : 64;
	struct due_item *items;

	if (due->count < due->room)
		return true;
	if (due->count == DUE_MAX)
		return false;
	items = realloc(due->items, room * sizeof(*items));
	if (!items)
		return false;
	due->items = items;
	due->room = room;
	return true;
}

bool
due_add(struct due *due, int64_t at_ms, const struct request *request)
{
	size_t at = due->count;

	if (!make_room(due))
		return false;
	for (; at && due->items[(at - 1) / 2].at_ms > at_ms; at = (at - 1) / 2)
		due->items[at] = due->items[(at - 1) / 2];
	due->items[at].at_ms = at_ms;
	due->items[at].request = *request;
	due->count++;
	return true;
}

int64_t
due_next_ms(const struct due *due)
{
	return due->count ? due->items[0].at_ms : INT64_MAX;
}

void
due_take(struct due *due, struct request *request)
{
	const struct due_item *last = &due->items[--due->count];
	size_t at = 0;

	*request = due->items[0].request;
	for (;;) {
		size_t child = at * 2 + 1;

		if (child + 1 < due->count &&
		    due->items[child + 1].at_ms < due->items[child].at_ms)
			child++;
		if (child >= due->count || due->items[child].at_ms >= last->at_ms)
			break;
		due->items[at] = due->items[child];
		at = child;
	}
	due->items[at] = *last;
}

void
due_fini(struct due *due)
{
	free(due->items);
	due->items = NULL;
	due->count = due->room = 0;
}
