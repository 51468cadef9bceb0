/* SPDX-License-Identifier: MIT
 *
 * first_settings.h: the settings and control words that a new region begins with.
 *
 * Called by the region's creator, before the region has a name, so nobody else writes
 * meanwhile. Makes system calls and allocates.
 */
#ifndef FNT_SETTINGS_FIRST_SETTINGS_H
#define FNT_SETTINGS_FIRST_SETTINGS_H

#include "format/layout.h"

#include <fntrace/fntrace.h>

/* Write them into the region's file `fd`: options->settings, overlaid key by key by
 * $FNTRACE_SETTINGS, and a random key for hashes. A fnt_region_init_fn. 0; -EINVAL (a
 * setting that is not valid) or another -errno, with a message in options->error. */
int fnt_first_settings_write(int fd, const struct fnt_header *header,
			     const struct fnt_options *options);

#endif
