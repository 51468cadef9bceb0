/* SPDX-License-Identifier: MIT
 *
 * reader.h: a reader's insides, for those that read through one.
 */
#ifndef FNT_READ_ATTACHED_H
#define FNT_READ_ATTACHED_H

#include "region/sigbus.h"
#include "region/region.h"

#include <fntrace/reader.h>

struct fnt_reader {
	struct fnt_region region;
	struct fnt_sigbus *guard;
	bool stale; /* the file was cut short or written anew */
};

#endif
