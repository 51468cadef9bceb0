/* SPDX-License-Identifier: MIT
 *
 * producers.h: the processes of a region, for people and as JSON.
 *
 * Threads: one at a time. May block on stdout.
 */
#ifndef FNT_VIEW_PRODUCERS_H
#define FNT_VIEW_PRODUCERS_H

#include <fntrace/reader.h>

#define PRODUCERS_NAME_MAX 96

/* A process that a tap observes has a program of its own: "node through tap". Returns
 * `text` or the producer's exe. */
const char *producers_name(char text[PRODUCERS_NAME_MAX],
			   const struct fnt_producer *producer);

/* Has the tap seen many messages of this process, and understood none? */
bool producers_is_silent(const struct fnt_producer *producer);

/* Print a JSON array on stdout, without a newline. */
void producers_put_json(const struct fnt_producer *producers, size_t count);

#endif
