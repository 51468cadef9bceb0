/* SPDX-License-Identifier: MIT */
#include "base/short_text.h"

#ifdef FNT_TEXT_VECTORS

uint32_t fnt_short_text_window;

_Alignas(64) const unsigned char fnt_short_text_mask[64] = {
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

/* Does the process run under Memcheck? Asks it by a client request ("The Client Request
 * mechanism" in Valgrind's manual) whether a byte is addressable, to which it answers
 * 0. Without Valgrind these instructions have no effect, and its other tools do not
 * know this request. */
static bool
runs_on_memcheck(void)
{
#ifdef __x86_64__
	char byte = 0;
	uint64_t request[6] = {(uint64_t)'M' << 24 | 'C' << 16 | 4, (uintptr_t)&byte,
			       1};
	uint64_t answer = 1;

	__asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(request)
			 : "cc", "memory");
	return answer == 0;
#else
	return false;
#endif
}

void
fnt_short_text_init(void)
{
	fnt_short_text_window = runs_on_memcheck() ? 0 : FNT_PAGE - FNT_SHORT_TEXT + 1;
}

bool
fnt_short_text_usable(void)
{
	return fnt_short_text_window != 0;
}

#else

void
fnt_short_text_init(void)
{
}

bool
fnt_short_text_usable(void)
{
	return true;
}

#endif
