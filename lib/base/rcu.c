/* SPDX-License-Identifier: MIT */
#include "base/rcu.h"

#ifdef FNT_TSAN
char fnt_rcu_edge;
#endif
