/* SPDX-License-Identifier: MIT
 *
 * random.h: random bytes, and an id of the current boot.
 *
 * Any thread, async-signal-safe. Both functions make system calls, so neither belongs
 * between the begin and the finish of a call. Neither blocks, nor fails: a sandbox may
 * refuse getrandom(2), /dev/urandom, or both.
 */
#ifndef FNT_BASE_RANDOM_H
#define FNT_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fill `bytes` with `size` random bytes: from getrandom(2), else from /dev/urandom,
 * else by SipHash of clock, pid, thread and a count, under the 16 random bytes that the
 * kernel has given to the program (AT_RANDOM). True: nobody outside the process can
 * know them. False: the kernel has given none, so the bytes are only unlikely to come
 * twice; no key may be made of them. */
bool fnt_random(void *bytes, size_t size);

/* A hash of the kernel's boot id: monotonic times of two processes can be compared only
 * where it is equal. 0: unknown. */
uint64_t fnt_boot_id(void);

#endif
