/* SPDX-License-Identifier: MIT
 *
 * ctl.h: the subcommands of `fntrace ctl`. Each is a struct command named "ctl WORD".
 */
#ifndef FNT_COMMANDS_CTL_H
#define FNT_COMMANDS_CTL_H

#include "commands/commands.h"

/* ctl_settings.c */
extern const struct command ctl_get;
extern const struct command ctl_set;
extern const struct command ctl_fn;
extern const struct command ctl_reset;

/* ctl_ring.c */
extern const struct command ctl_resize;
extern const struct command ctl_rotate;
extern const struct command ctl_reap;
extern const struct command ctl_rm;

#endif
