/* SPDX-License-Identifier: MIT
 *
 * refuse.h: a sandbox for tests: system calls that fail from now on, in all threads of
 * the process and in its children, by a seccomp filter. It can't be undone, so a test
 * that uses it runs in a process of its own (check's fork mode).
 */
#ifndef FNT_TEST_REFUSE_H
#define FNT_TEST_REFUSE_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "suite.h"

static inline void
refuse_by(const struct sock_filter *filter, unsigned short len)
{
	struct sock_fprog program = {.len = len,
				     .filter = (struct sock_filter *)filter};

	MUST(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		      (unsigned)SECCOMP_FILTER_FLAG_TSYNC, &program));
}

/* Let system call `number` fail with `code` (a positive errno). */
static inline void
refuse(int number, int code)
{
	const struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	refuse_by(filter, sizeof(filter) / sizeof(*filter));
}

/* The same, where the lower half of its argument `arg` (from 0) is `value`. */
static inline void
refuse_if(int number, int arg, uint32_t value, int code)
{
	const struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (uint32_t)(offsetof(struct seccomp_data, args) +
				    sizeof(uint64_t) * (unsigned)arg)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	refuse_by(filter, sizeof(filter) / sizeof(*filter));
}

#endif
