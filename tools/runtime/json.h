/* SPDX-License-Identifier: MIT
 *
 * json.h: writes the value that a function returns. Commas are added automatically:
 *
 *      json_open(j, '{'); json_key(j, "lots"); json_int(j, 7); json_close(j, '}');
 */
#ifndef RUNTIME_JSON_H
#define RUNTIME_JSON_H

#include "arena.h"

#include <stdbool.h>
#include <stdint.h>

struct json {
	struct arena *arena;
	char *text; /* NUL-terminated; NULL: nothing written yet */
	size_t len, room;
	bool separate; /* the next item needs a comma before it */
};

/* Each function appends one token; a value needs no separator before it. `bracket`: one
 * of {}[]. The process exits if there is no memory (arena.h). */
void json_open(struct json *json, char bracket);
void json_close(struct json *json, char bracket);
void json_key(struct json *json, const char *key);
void json_text(struct json *json, const char *text); /* NULL: null */
void json_int(struct json *json, int64_t number);
void json_real(struct json *json, double number);
void json_bool(struct json *json, bool truth);
void json_raw(struct json *json, const char *value); /* a JSON text */

#endif
