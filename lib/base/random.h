/* SPDX-License-Identifier: MIT
 *
 * random.h: random bytes from the kernel, and an id of the current boot.
 *
 * Any thread, async-signal-safe. Both functions make system calls, so neither belongs
 * between the begin and the finish of a call. fnt_random() may block early in boot,
 * until the kernel's generator is seeded.
 */
#ifndef FNT_BASE_RANDOM_H
#define FNT_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fill `bytes` with `size` random bytes. Aborts on a kernel without getrandom(2). */
void fnt_random(void *bytes, size_t size);

/* A hash of the kernel's boot id: monotonic times of two processes can be compared only
 * where it is equal. 0: unknown. */
uint64_t fnt_boot_id(void);

#endif
