/* SPDX-License-Identifier: MIT */
#include "read/octaves.h"

#include "base/shm_words.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t *
octave_at(struct fnt_octaves *octaves, uint32_t octave)
{
	uint64_t **at = &octaves->at[octave];

	if (!*at)
		*at = calloc(FNT_OCTAVE_BUCKETS, sizeof(**at));
	return *at;
}

int
fnt_octaves_add(struct fnt_octaves *octaves, uint32_t octave,
		const struct fnt_octave *block, uint64_t *total)
{
	uint64_t *at = octave_at(octaves, octave);

	if (!at)
		return -ENOMEM;
	for (uint32_t i = 0; i < FNT_OCTAVE_BUCKETS; i++) {
		uint64_t count = fnt_word_relaxed(&block->counts[i]);

		at[i] += count;
		if (total)
			*total += count;
	}
	return 0;
}

int
fnt_octaves_add_all(struct fnt_octaves *into, const struct fnt_octaves *from)
{
	for (uint32_t octave = 0; octave < FNT_OCTAVES; octave++) {
		const uint64_t *more = from->at[octave];
		uint64_t *at;

		if (!more)
			continue;
		at = octave_at(into, octave);
		if (!at)
			return -ENOMEM;
		for (uint32_t i = 0; i < FNT_OCTAVE_BUCKETS; i++)
			at[i] += more[i];
	}
	return 0;
}

void
fnt_octaves_merge(struct fnt_octaves *into, struct fnt_octaves *from)
{
	for (uint32_t octave = 0; octave < FNT_OCTAVES; octave++) {
		uint64_t *have = into->at[octave], *more = from->at[octave];

		from->at[octave] = NULL;
		if (!have)
			into->at[octave] = more;
		for (uint32_t i = 0; have && more && i < FNT_OCTAVE_BUCKETS; i++)
			have[i] += more[i];
		if (have)
			free(more);
	}
}

void
fnt_octaves_free(struct fnt_octaves *octaves)
{
	for (uint32_t octave = 0; octave < FNT_OCTAVES; octave++)
		free(octaves->at[octave]);
}

/* ---- the public buckets --------------------------------------------------------- */

static uint64_t
count_of(const struct fnt_octaves *octaves, uint32_t bucket)
{
	const uint64_t *octave = octaves->at[bucket / FNT_OCTAVE_BUCKETS];

	return octave ? octave[bucket % FNT_OCTAVE_BUCKETS] : 0;
}

int
fnt_octaves_buckets(const struct fnt_octaves *octaves,
		    const struct fnt_bucket **buckets, size_t *count)
{
	struct fnt_bucket *bucket;

	*count = 0;
	for (uint32_t i = 0; i < FNT_BUCKETS; i++)
		*count += count_of(octaves, i) != 0;
	bucket = malloc((*count ? *count : 1) * sizeof(*bucket));
	*buckets = bucket;
	if (!bucket)
		return -ENOMEM;
	for (uint32_t i = 0; i < FNT_BUCKETS; i++) {
		uint64_t low = fnt_bucket_low(i), width = fnt_bucket_width(i);

		if (count_of(octaves, i))
			*bucket++ = (struct fnt_bucket){
				.low_ns = low,
				.high_ns = i == FNT_BUCKETS - 1 ? UINT64_MAX
								: low + width - 1,
				.count = count_of(octaves, i),
			};
	}
	return 0;
}

/* ---- percentiles ---------------------------------------------------------------- */

/* The rank of a percentile among `count` values, counted from 1. */
static uint64_t
rank_of(double percent, uint64_t count)
{
	/* Slightly less, so that rounding errors do not turn 99.9 % of 1000 into
	 * 1000. */
	double rank = percent * (double)count / 100 * (1 - 1e-12);
	uint64_t whole;

	if (!(rank > 1))
		return 1;
	if (rank >= (double)count)
		return count;
	whole = (uint64_t)rank;
	if ((double)whole < rank)
		whole++;
	return whole < count ? whole : count;
}

/* The middle of a bucket. */
static uint64_t
middle_of(const struct fnt_bucket *bucket)
{
	if (bucket->high_ns == UINT64_MAX)
		return FNT_BUCKET_END;
	return bucket->low_ns + (bucket->high_ns - bucket->low_ns) / 2;
}

/* No percentile is above the maximum. A maximum that does not lie in the last bucket
 * was read before or after the buckets, while calls ended, or is damaged: it only
 * counts where it can be. */
static uint64_t
percentile_of(const struct fnt_bucket *buckets, size_t bucket_count, uint64_t max_ns,
	      double percent)
{
	uint64_t count = 0, rank, ns;
	const struct fnt_bucket *bucket = buckets;

	for (size_t i = 0; i < bucket_count; i++)
		count += buckets[i].count;
	if (!count)
		return 0;
	if (percent >= 100 && max_ns >= buckets[bucket_count - 1].low_ns)
		return max_ns;
	rank = rank_of(percent, count);
	/* The buckets come from a region that may be damaged, but `rank` is at most the
	 * sum of their counts: the loop ends. */
	while (rank > bucket->count)
		rank -= bucket++->count;
	ns = middle_of(bucket);
	return max_ns >= bucket->low_ns && max_ns < ns ? max_ns : ns;
}

uint64_t
fnt_metrics_percentile(const struct fnt_fn_metrics *metrics, double percent)
{
	return percentile_of(metrics->buckets, metrics->bucket_count, metrics->max_ns,
			     percent);
}

uint64_t
fnt_metrics_op_percentile(const struct fnt_op_metrics *metrics, double percent)
{
	return percentile_of(metrics->buckets, metrics->bucket_count, metrics->max_ns,
			     percent);
}
