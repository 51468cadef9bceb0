/* SPDX-License-Identifier: MIT
 *
 * producers.h: prints a region's processes as JSON; shared by stat and list.
 *
 * Threads: one at a time. May block on stdout.
 */
#ifndef FNT_VIEW_PRODUCERS_H
#define FNT_VIEW_PRODUCERS_H

#include <fntrace/reader.h>

/* Print a JSON array on stdout, without a newline. */
void producers_put_json(const struct fnt_producer *producers, size_t count);

#endif
