/* SPDX-License-Identifier: MIT */
#include "base/thread_state.h"

FNT_THREAD_LOCAL struct fnt_thread_state fnt_thread_state;
