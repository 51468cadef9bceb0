/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

_Thread_local struct fnt_thread_state fnt_thread_state
	__attribute__((tls_model("initial-exec")));

#ifdef FNT_TSAN
char fnt_rcu_edge;
#endif
