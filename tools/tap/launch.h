/* SPDX-License-Identifier: MIT
 *
 * launch.h: finding and starting CMD.
 *
 * Threads: the process has one: the kernel ends CMD when the thread ends that started
 * it.
 */
#ifndef FNT_TAP_LAUNCH_H
#define FNT_TAP_LAUNCH_H

#include <sys/types.h>

/* Whether execvp() will find `program`: 0 or a positive errno. */
int launch_find(const char *program);

/* The descriptors from 3 on that this process has been started with. They are CMD's. */
struct launch_files {
	int *fds;
	int count;
};

/* Note them. Call it before anything is opened. */
void launch_note_files(struct launch_files *files);

/* CMD has them now: close ours, so that CMD alone decides when they are closed. */
void launch_close_files(struct launch_files *files);

/* Start CMD with `stdin_fd` and `stdout_fd`, and with the signal mask and reactions
 * that this process was started with (signals.h). CMD never shares this process's
 * memory: the region's mapping and lock stay with the tap.
 *
 * The kernel kills CMD (SIGKILL) when this process ends, however that happens. Only a
 * program that gains privileges by its file (set-user-id, capabilities) loses that
 * protection: see PR_SET_PDEATHSIG in prctl(2).
 *
 * Returns 0 with *pid set, or a positive errno. Blocks until CMD's program runs. */
int launch_start(char **argv, int stdin_fd, int stdout_fd, pid_t *pid);

#endif
