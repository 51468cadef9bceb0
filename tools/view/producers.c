/* SPDX-License-Identifier: MIT */
#include "view/producers.h"
#include "view/text.h"

#include <inttypes.h>

static void
put_one(const struct fnt_producer *producer)
{
	printf("{\"pid\":%" PRId32 ",\"exe\":", producer->pid);
	text_put_json_string(stdout, producer->exe);
	printf(",\"alive\":%s,\"threads\":%" PRIu32 ",\"in_flight\":%" PRIu32,
	       producer->alive ? "true" : "false", producer->threads,
	       producer->in_flight);
	printf(",\"recorded\":%" PRIu64 ",\"dropped\":%" PRIu64
	       ",\"attached_at\":%" PRIu64 "}",
	       producer->recorded, producer->dropped,
	       producer->attached_at_ns / 1000000);
}

void
producers_put_json(const struct fnt_producer *producers, size_t count)
{
	putchar('[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			putchar(',');
		put_one(&producers[i]);
	}
	putchar(']');
}
