/* SPDX-License-Identifier: MIT
 *
 * set_aside.h: a file that no region can be opened from makes way for a new one.
 *
 *   app.fnt, damaged ──rename──► app.damaged-20261130T132846Z.fnt
 *   app.fnt, nothing ◄──create── a new region, whose header has the notice
 *
 * What can't be opened is kept for whoever wants to look at it; the processes that have
 * it mapped go on in it. The new region's header says what was set aside, and why.
 *
 * Set aside is a region that is damaged or cut short, one of an older version, and a
 * file NAME.fnt that begins with nothing but zeroes, as a power cut leaves it. Never a
 * region of a newer version, a file that is no region, nor one of another user.
 *
 * Makes system calls, and may block in the file system. Waits for a process that is
 * setting the same file aside, for a second at most. Any thread.
 */
#ifndef FNT_REGION_SET_ASIDE_H
#define FNT_REGION_SET_ASIDE_H

#include "format/layout.h"

#include <stdbool.h>

/* The file `fd`, named `file` in the directory `dir_fd`, was refused by
 * fnt_header_read() or fnt_view_map() with the error `code`. True: it has been set
 * aside, and `notice` says so; or the name is another file's by now, and `notice` is
 * left alone. False: it stays. */
bool fnt_region_set_aside(int dir_fd, const char *file, int fd, int code,
			  char notice[FNT_NOTICE_SIZE]);

#endif
