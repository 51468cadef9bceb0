/* SPDX-License-Identifier: MIT
 *
 * claim.h: a lock in a word of the region, for processes whose system refuses
 * open-file-description locks (sandboxes with a kernel of their own, some network and
 * user-space file systems).
 *
 *   63       42 41      22 21       10 9        0
 *   │ pid      │ start    │ pid_ns    │ image    │      0: nobody
 *
 * The word says who has it: each field is the lower bits of what process.h knows. It is
 * free again when that process is dead. A holder that can't be judged, of another pid
 * namespace, keeps it: so there its death is not noticed.
 *
 * Taken and dropped by compare-and-swap; nobody waits. Makes system calls. Any thread.
 */
#ifndef FNT_REGION_CLAIM_H
#define FNT_REGION_CLAIM_H

#include "base/shm_words.h"

#include <stdbool.h>

/* The message where neither kind of lock works. %s: the region. */
#define FNT_NO_LOCKS                                                                   \
	"%s: file locks are refused here (fcntl F_OFD_SETLK), and without /proc "      \
	"there "                                                                       \
	"is nothing in their place; allow that call, or mount /proc"

/* Does a process that lives, or may live, hold the word? */
bool fnt_claim_is_held(fnt_word *word);

/* Take the word, if it is not held; -EAGAIN: it is; -ENOLCK: this process can't say
 * who it is, for want of /proc. */
int fnt_claim_take(fnt_word *word);

/* Can this process take words at all? Not without /proc. */
bool fnt_claim_is_possible(void);

/* Give it back, if this process has it. */
void fnt_claim_drop(fnt_word *word);

#endif
