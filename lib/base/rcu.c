/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

/* This file is empty but for ThreadSanitizer. */
#ifdef FNT_TSAN
char fnt_rcu_edge;
#endif
