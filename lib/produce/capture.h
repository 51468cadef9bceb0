/* SPDX-License-Identifier: MIT
 *
 * capture.h: what a call's rule leaves of texts and results: all, nothing, or a hash.
 */
#ifndef FNT_PRODUCE_CAPTURE_H
#define FNT_PRODUCE_CAPTURE_H

#include "produce/rules.h"

/* "h:", 16 digits, NUL; and in quotes, as JSON. */
#define FNT_HASHED_BYTES 19
#define FNT_HASHED_JSON_BYTES 21

/* `text` (NULL: none) as it is, NULL, or its hash in `room`. Any thread; no system
 * call, no allocation. */
const char *fnt_capture_text(const struct fnt_attachment *attachment, uint8_t how,
			     const char *text, char room[FNT_HASHED_BYTES]);

/* The same for a result: false where there is to be none. */
bool fnt_capture_value(const struct fnt_attachment *attachment, uint8_t how,
		       struct fnt_value *value, char room[FNT_HASHED_JSON_BYTES]);

#endif
