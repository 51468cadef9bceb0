/* SPDX-License-Identifier: MIT
 *
 * region_time.h: region time, which orders all that happens in a region.
 *
 *   region time = CLOCK_MONOTONIC here − offset of the time namespace + base
 *
 * The base is in the control section (layout.h), and changes only between two boots:
 * ring/boot.h.
 *
 * Reads the region, never writes to it. Functions here make system calls. Any thread.
 */
#ifndef FNT_REGION_REGION_TIME_H
#define FNT_REGION_REGION_TIME_H

#include "region/view.h"

/* What to add to this process's CLOCK_MONOTONIC to get region time. `known` becomes
 * false if the process's time namespace can't be found out; its offset then counts as
 * 0. */
uint64_t fnt_region_time_shift(const struct fnt_view *view, bool *known);

/* Is the region's base for the present boot of this machine? If not, no process has
 * opened the region for writing in this boot. True if the boot is not known. */
bool fnt_region_time_is_now(const struct fnt_view *view);

/* Region time now. Makes sense if fnt_region_time_is_now(). */
uint64_t fnt_region_time(const struct fnt_view *view);

#endif
