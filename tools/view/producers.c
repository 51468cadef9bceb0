/* SPDX-License-Identifier: MIT */
#include "view/producers.h"
#include "view/text.h"

#include <inttypes.h>

static void
put_one(const struct fnt_producer *producer)
{
	printf("{\"pid\":%" PRId32 ",\"pid_ns\":%" PRIu32, producer->pid,
	       producer->pid_ns);
	if (producer->host_pid && producer->host_pid != producer->pid)
		printf(",\"host_pid\":%" PRId32, producer->host_pid);
	fputs(",\"exe\":", stdout);
	text_put_json_string(stdout, producer->exe);
	if (producer->recorded_by) {
		printf(",\"via\":");
		text_put_json_string(stdout, producer->via);
		printf(",\"recorded_by\":%" PRId32 ",\"command\":",
		       producer->recorded_by);
		text_put_json_string(stdout, producer->command);
		printf(",\"understood\":%" PRIu64 ",\"not_understood\":%" PRIu64,
		       producer->understood, producer->not_understood);
	}
	printf(",\"alive\":%s,\"threads\":%" PRIu32 ",\"in_flight\":%" PRIu32,
	       producer->alive ? "true" : "false", producer->threads,
	       producer->in_flight);
	printf(",\"recorded\":%" PRIu64 ",\"dropped\":%" PRIu64
	       ",\"attached_at\":%" PRIu64 "}",
	       producer->recorded, producer->dropped,
	       producer->attached_at_ns / 1000000);
}

const char *
producers_name(char text[PRODUCERS_NAME_MAX], const struct fnt_producer *producer)
{
	if (!producer->recorded_by)
		return producer->exe;
	snprintf(text, PRODUCERS_NAME_MAX, "%s through %s", producer->exe,
		 producer->via);
	return text;
}

bool
producers_is_silent(const struct fnt_producer *producer)
{
	return producer->recorded_by && !producer->understood &&
	       producer->not_understood >= 50;
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
