/* SPDX-License-Identifier: MIT
 *
 * signals.h: every signal that the tap gets is given to a function, while the tap waits
 * for bytes and at no other time.
 *
 *      signals_take ──► signals_wait … signals_wait ──► signals_give_back
 *                          └─► take(info), for each signal
 *
 * All signals are blocked, except inside ppoll(). So the function may do whatever the
 * tap's other code may. A fault of the tap's own (SIGSEGV …) still ends it; but SIGBUS
 * goes to the library first, which survives the loss of the region's file. SIGKILL and
 * SIGSTOP can't be taken.
 *
 * Threads: the process has one.
 */
#ifndef FNT_TAP_SIGNALS_H
#define FNT_TAP_SIGNALS_H

#include <poll.h>
#include <signal.h>

/* Take all signals from now on. */
void signals_take(void (*take)(const siginfo_t *info));

/* Wait as poll() does, and take the signals that come meanwhile. Returns what poll()
 * returns; -1: nothing can be read or written yet. */
int signals_wait(struct pollfd *fds, nfds_t count, int timeout_ms);

/* Set mask and reactions as they were before signals_take(). May be called in the child
 * of a vfork. */
void signals_give_back(void);

/* React to signal `number` as a program does that does not catch it. Returns if that is
 * not to die of it. */
void signals_suffer(int number);

#endif
