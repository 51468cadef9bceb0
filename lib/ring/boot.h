/* SPDX-License-Identifier: MIT
 *
 * boot.h: region time goes on after a reboot.
 *
 * CLOCK_MONOTONIC begins anew with each boot. The process that opens a region first
 * after a boot raises the region's time base (layout.h), so that the times of this boot
 * come after those of the last one.
 *
 * Any process may call this, at any time; lock-free. Reads up to a few thousand records
 * and makes system calls, once in a boot.
 */
#ifndef FNT_RING_BOOT_H
#define FNT_RING_BOOT_H

#include "region/view.h"

/* Set the time base for the present boot, unless it is set already, or the boot can't
 * be found out. To be called before a process takes its shift (region/region_time.h),
 * which changes here. */
void fnt_boot_enter(const struct fnt_view *view);

#endif
