/* SPDX-License-Identifier: MIT
 *
 * rules_follow.h: bringing a process's rules up to date with the region's settings.
 */
#ifndef FNT_PRODUCE_RULES_FOLLOW_H
#define FNT_PRODUCE_RULES_FOLLOW_H

#include "produce/rules.h"

/* If the region's settings have changed, replace the attachment's snapshot, if there is
 * memory. Inside fnt_enter. The read-side section is left and entered again when the
 * snapshot was replaced, so that what was read through the attachment may be gone.
 * Returns the attachment; NULL, outside of a section: the log has been closed.
 *
 * Once in FNT_RETIRED_MAX changes, one thread frees replaced snapshots and waits for a
 * grace period; never if the host itself is in a read-side section of urcu-bp.
 * Otherwise lock-free. Allocates, and may map new segments. */
struct fnt_attachment *fnt_rules_follow(struct fnt_log *log,
					struct fnt_attachment *attachment);

#endif
