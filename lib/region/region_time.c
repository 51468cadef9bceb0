/* SPDX-License-Identifier: MIT */
#include "region/region_time.h"

#include "base/clock.h"
#include "base/random.h"
#include "base/time_namespace.h"

uint64_t
fnt_region_time_shift(const struct fnt_view *view, bool *known)
{
	uint64_t base = fnt_time_base_ns(fnt_word_relaxed(&view->control->time_base));
	int64_t offset;

	*known = fnt_time_namespace_offset(&offset);
	return base - (uint64_t)offset;
}

bool
fnt_region_time_is_now(const struct fnt_view *view)
{
	uint64_t word = fnt_word_relaxed(&view->control->time_base);
	uint32_t boot = (uint32_t)fnt_boot_id();

	return !boot || !fnt_time_base_boot(word) || fnt_time_base_boot(word) == boot;
}

uint64_t
fnt_region_time(const struct fnt_view *view)
{
	bool known;

	return fnt_clock_mono() + fnt_region_time_shift(view, &known);
}
