/* SPDX-License-Identifier: MIT
 *
 * first_settings.h: the settings and control words that a new region begins with.
 *
 * The region's creator calls this before the region has a name, so no other process can
 * write to it. Makes system calls and allocates; any thread.
 */
#ifndef FNT_SETTINGS_FIRST_SETTINGS_H
#define FNT_SETTINGS_FIRST_SETTINGS_H

#include "format/layout.h"

#include <fntrace/fntrace.h>

/* Write to the region's file `fd` the settings (options->settings, overridden key by
 * key by $FNTRACE_SETTINGS) and a random key for hashes. This is a fnt_region_init_fn.
 * Returns 0; or -EINVAL (an invalid setting) or another -errno, with a message in
 * options->error. */
int fnt_first_settings_write(int fd, const struct fnt_header *header,
			     const struct fnt_options *options);

#endif
