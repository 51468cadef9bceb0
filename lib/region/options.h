/* SPDX-License-Identifier: MIT
 *
 * options.h: what struct fnt_options and the environment say about a new region.
 *
 * Nothing is written. Reads the environment, which no other thread may change
 * meanwhile; programs with more privileges than their user ignore it. Any thread.
 */
#ifndef FNT_REGION_OPTIONS_H
#define FNT_REGION_OPTIONS_H

#include <fntrace/fntrace.h>

#define FNT_RECORD_MIN 1024u
#define FNT_RECORD_MAX (1u << 20)
#define FNT_KEPT_MAX 50u
#define FNT_NAMES_MIN 64u
#define FNT_NAMES_MAX (1u << 20)

static inline uint64_t
fnt_clamp(uint64_t value, uint64_t low, uint64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* Are all numbers and flags in range? 0, or -EINVAL with a message. */
int fnt_options_check(const struct fnt_options *options);

/* The region's size in bytes, whole pages: as `options` or $FNTRACE_SIZE says; does one
 * of them say so? */
uint64_t fnt_options_size(const struct fnt_options *options);
bool fnt_options_size_is_given(const struct fnt_options *options);

/* How many names a region of this size has room for; and how many it is to have, as
 * `options` or $FNTRACE_NAMES says. */
uint64_t fnt_options_usual_names(uint64_t size);
uint64_t fnt_options_names(const struct fnt_options *options, uint64_t usual);

uint32_t fnt_options_kept_percent(const struct fnt_options *options);

#endif
