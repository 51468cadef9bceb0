/* SPDX-License-Identifier: MIT
 *
 * fuzz_value.c: fnt_value_to_json on any bytes. The first byte picks the kind: odd is
 * msgpack, even is JSON. Seeds: tests/fuzz/corpus/value.
 *
 * The output is one line of compact JSON in UTF-8, of bounded size, and stays the same
 * when it goes through again. JSON comes out without its white space and otherwise the
 * same; what the oracle does not take for JSON comes out as a marker.
 */
#include <fntrace/fntrace.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support/json_oracle.h"

#define MUST(condition)                                                                \
	do {                                                                           \
		if (!(condition))                                                      \
			abort();                                                       \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_again(const char *json, size_t len)
{
	struct fnt_value value = {FNT_VALUE_JSON, json, len};
	char *again;
	size_t again_len;

	MUST(fnt_value_to_json(&value, &again, &again_len) == 0);
	MUST(again_len == len && !memcmp(again, json, len));
	free(again);
}

static void
check_json(const char *text, size_t text_len, const char *json, size_t len)
{
	static const char marker[] = "\"<invalid JSON at byte ";
	bool plain;
	char *compact;

	if (!oracle_is_json(text, text_len, &plain)) {
		MUST(len > sizeof(marker) && !memcmp(json, marker, sizeof(marker) - 1));
	} else if (plain) {
		compact = malloc(text_len + 1);
		MUST(compact && oracle_compact(compact, text, text_len) == len);
		MUST(!memcmp(compact, json, len));
		free(compact);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fnt_value value = {.kind = FNT_VALUE_JSON};
	char *json;
	size_t len;

	if (!size)
		return 0;
	if (data[0] % 2)
		value.kind = FNT_VALUE_MSGPACK;
	value.data = data + 1;
	value.len = size - 1;
	MUST(fnt_value_to_json(&value, &json, &len) == 0);
	MUST(strlen(json) == len);
	MUST(oracle_is_output(json, len));
	MUST(len <= 20 * size + 400);
	check_again(json, len);
	if (value.kind == FNT_VALUE_JSON)
		check_json((const char *)data + 1, size - 1, json, len);
	free(json);
	return 0;
}
