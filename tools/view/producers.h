/* SPDX-License-Identifier: MIT
 *
 * producers.h: the processes of a region as JSON; shared by stat and list.
 */
#ifndef FNT_VIEW_PRODUCERS_H
#define FNT_VIEW_PRODUCERS_H

#include <fntrace/reader.h>

/* A JSON array on stdout, no newline. */
void producers_put_json(const struct fnt_producer *producers, size_t count);

#endif
