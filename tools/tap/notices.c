/* SPDX-License-Identifier: MIT */
#include "tap/notices.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
notices_count(struct notices *notices, const char *method)
{
	for (size_t i = 0; i < NOTICES_MAX; i++) {
		if (!notices->of[i].count)
			snprintf(notices->of[i].method, sizeof(notices->of[i].method),
				 "%s", method);
		if (!strncmp(notices->of[i].method, method, NOTICE_NAME_MAX)) {
			notices->of[i].count++;
			return;
		}
	}
	notices->others++;
}

static void
append(char *text, size_t size, const char *method, uint64_t count)
{
	size_t len = strlen(text);

	if (count)
		snprintf(text + len, size - len, "%s%s %" PRIu64, len ? ", " : "",
			 method, count);
}

void
notices_text(const struct notices *notices, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < NOTICES_MAX; i++)
		append(text, size, notices->of[i].method, notices->of[i].count);
	append(text, size, "others", notices->others);
}
