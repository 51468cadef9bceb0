/* SPDX-License-Identifier: MIT
 *
 * enter_region.h: a process's entry in a region: its slot, and what its records have in
 * common.
 *
 * A process that finds no slot records nothing, and counts its calls. It looks again
 * once a second, as others end; and so does a forked child that could not open the
 * region's file, so that it can't lock a slot.
 *
 * Who may write what: an attachment's slot and program name, who is making it, then the
 * holder of its lock `recovering`. The slot is stored last, once.
 *
 * Makes system calls and may allocate. Never blocks.
 */
#ifndef FNT_PRODUCE_ENTER_REGION_H
#define FNT_PRODUCE_ENTER_REGION_H

#include "produce/attachment.h"

/* Fill in what can be known without a slot, and enter the region if there is one. The
 * attachment is not published yet. */
void fnt_attachment_begin(struct fnt_attachment *attachment);

/* Does the process have a slot? If not, look for one, at most once a second, unless
 * another thread is at it. Any thread. */
bool fnt_attachment_has_slot(struct fnt_attachment *attachment);

#endif
