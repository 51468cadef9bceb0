/* SPDX-License-Identifier: MIT
 *
 * siphash.h: SipHash-2-4 (Aumasson, Bernstein: SipHash, a fast short-input PRF, 2012).
 */
#ifndef FNT_BASE_SIPHASH_H
#define FNT_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* Hash `len` bytes. `key` is the key's 16 bytes as two little-endian words. Any thread;
 * no allocation, no system call; takes time linear in `len`. */
uint64_t fnt_siphash(const uint64_t key[2], const void *bytes, size_t len);

#endif
