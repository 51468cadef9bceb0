/* SPDX-License-Identifier: MIT
 *
 * commands.h: the commands of the tool, each defined in the file of its name. A command
 * has a table of options, a struct of settings that they fill, and a function run()
 * that takes the command line and returns the exit code.
 */
#ifndef FNT_COMMANDS_COMMANDS_H
#define FNT_COMMANDS_COMMANDS_H

#include "cli/choose.h"
#include "cli/command.h"
#include "cli/tool.h"
#include "cli/usage.h"
#include "view/message.h"

extern const struct command command_tap;
extern const struct command command_recent;
extern const struct command command_show;
extern const struct command command_tail;
extern const struct command command_ps;
extern const struct command command_stat;
extern const struct command command_hist;
extern const struct command command_list;
extern const struct command command_check;
extern const struct command command_ctl;

#endif
