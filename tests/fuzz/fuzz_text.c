/* SPDX-License-Identifier: MIT
 *
 * fuzz_text.c: short texts from people and programs: settings ("keep=0.1
 * todo:*:rate=10"), a traceparent header, names of operations and function types.
 * Seeds: tests/fuzz/corpus/text.
 *
 * Whatever is accepted must be printed as it was understood.
 */
#include <fntrace/fntrace.h>

#include <stdlib.h>
#include <string.h>

#include "settings/settings.h"
#include "produce/traceparent.h"

#define MUST(condition)                                                                \
	do {                                                                           \
		if (!(condition))                                                      \
			abort();                                                       \
	} while (0)

#define OVERRIDES 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_traceparent(const char *text)
{
	char again[FNT_TRACEPARENT_BYTES];
	uint64_t trace_id[2] = {7, 7}, uid = 7, trace_again[2], uid_again;
	uint32_t flags = 7, flags_again;

	if (!fnt_traceparent_parse(text, trace_id, &uid, &flags)) {
		MUST(trace_id[0] == 7 && trace_id[1] == 7 && uid == 7 && flags == 7);
		return;
	}
	MUST((trace_id[0] | trace_id[1]) && uid);
	fnt_traceparent_format(again, trace_id, uid, flags);
	MUST(strlen(again) == FNT_TRACEPARENT_BYTES - 1);
	MUST(!strncmp(again + 2, text + 2, 51)); /* all but version and flags */
	MUST(flags <= 3);
	MUST(fnt_traceparent_parse(again, trace_again, &uid_again, &flags_again));
	MUST(trace_again[0] == trace_id[0] && trace_again[1] == trace_id[1]);
	MUST(uid_again == uid && flags_again == flags);
}

static void
same_settings(const struct fnt_settings *a, const struct fnt_settings *b)
{
	MUST(a->set == b->set && a->enabled == b->enabled && a->keep == b->keep);
	MUST(a->keep_errors == b->keep_errors && a->slow_ns == b->slow_ns);
	MUST(a->rate == b->rate && a->capture_values == b->capture_values);
	MUST(a->capture_ids == b->capture_ids && a->capture_users == b->capture_users);
}

/* Print it, and parse that again. */
static void
settings_again(const struct fnt_settings *settings)
{
	struct fnt_settings_block *block = fnt_settings_create(OVERRIDES);
	char text[512];

	MUST(block);
	MUST(settings->keep >= 0 && settings->keep <= 1);
	MUST(fnt_settings_text(settings, text, sizeof(text)) == text);
	MUST(strlen(text) < sizeof(text) - 1);
	MUST(!fnt_settings_parse(block, text, "again", NULL));
	MUST(block->count == 0);
	same_settings(&block->all.values, settings);
	free(block);
}

static void
try_settings(const char *text)
{
	struct fnt_settings_block *block = fnt_settings_create(OVERRIDES);
	struct fnt_error error = {0};
	int rc;

	MUST(block);
	rc = fnt_settings_parse(block, text, "settings", &error);
	MUST(!rc || (rc == error.code && error.message[0]));
	MUST(block->count <= OVERRIDES);
	if (!rc) {
		settings_again(&block->all.values);
		for (uint32_t i = 0; i < block->count; i++) {
			const struct fnt_setting_set *set = &block->overrides[i];

			MUST(set->name_len && set->name_len <= FNT_SETTING_NAME_MAX);
			MUST(strlen(set->name) == set->name_len);
			settings_again(&set->values);
		}
	}
	free(block);
}

static void
try_words(const char *text, size_t len)
{
	int op = fnt_op_parse(text, len), type = fnt_fn_type_parse(text, len);

	MUST(op < 0 || (strlen(fnt_op_name((enum fnt_op)op)) == len &&
			!memcmp(fnt_op_name((enum fnt_op)op), text, len)));
	MUST(type < 0 ||
	     (strlen(fnt_fn_type_name((enum fnt_fn_type)type)) == len &&
	      !memcmp(fnt_fn_type_name((enum fnt_fn_type)type), text, len)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	try_words(text, size);
	try_traceparent(text);
	try_settings(text);
	free(text);
	return 0;
}
