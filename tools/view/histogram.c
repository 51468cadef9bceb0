/* SPDX-License-Identifier: MIT */
#include "view/histogram.h"
#include "view/bar.h"
#include "view/measures.h"
#include "view/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 28
#define STEPS 8 /* rows per octave (a doubling of the duration), at most */

/* ---- for people ----------------------------------------------------------------- */

/* The scale is logarithmic: each octave is divided into eight steps of equal ratio.
 * ratios[n] is 2^(n/8) times 2^16. */
static const uint32_t ratios[STEPS] = {65536, 71468,  77936,  84990,
				       92682, 101070, 110218, 120194};

static uint32_t
step_of(uint64_t ns)
{
	uint32_t log = ns ? 63 - (uint32_t)__builtin_clzll(ns) : 0, step = 0;
	uint64_t scaled = log > 16 ? ns >> (log - 16) : ns << (16 - log);

	while (step + 1 < STEPS && scaled >= ratios[step + 1])
		step++;
	return log * STEPS + step;
}

static uint64_t
start_of(uint32_t step)
{
	uint32_t log = step / STEPS;
	uint64_t ratio = ratios[step % STEPS];

	return log > 16 ? ratio << (log - 16) : ratio >> (16 - log);
}

/* The step that the middle of the bucket falls into. */
static uint32_t
step_of_bucket(const struct fnt_bucket *bucket)
{
	if (bucket->high_ns == UINT64_MAX)
		return step_of(bucket->low_ns);
	return step_of(bucket->low_ns + (bucket->high_ns - bucket->low_ns) / 2);
}

/* Terminal columns of the parts of a row. */
#define LABEL 12 /* "   446 us | " */
#define COUNT 14
#define SHARE 8 /* of the calls, in percent */
#define BAR_MIN 8
#define BARS_MAX 120
#define MARKS_MAX 64

struct chart {
	const struct histogram *of;
	uint32_t first;	  /* step of the first row */
	uint32_t per_row; /* steps */
	uint32_t rows;
	uint64_t counts[ROWS_MAX + 1];
	uint64_t most, total;
	size_t columns; /* of the longest bar */
	bool with_count, with_share, with_marks;
};

/* Sum the buckets into rows. An octave takes eight rows, or four, two, one, …, so that
 * there are at most ROWS_MAX rows. */
static void
lay_out(struct chart *chart, const struct histogram *of)
{
	uint32_t first = step_of_bucket(&of->buckets[0]);
	uint32_t last = step_of_bucket(&of->buckets[of->bucket_count - 1]);

	*chart = (struct chart){.of = of, .per_row = 1};
	while (last / chart->per_row - first / chart->per_row >= ROWS_MAX)
		chart->per_row *= 2;
	chart->first = first / chart->per_row * chart->per_row;
	chart->rows = (last - chart->first) / chart->per_row + 1;
	for (size_t i = 0; i < of->bucket_count; i++) {
		uint32_t row = (step_of_bucket(&of->buckets[i]) - chart->first) /
			       chart->per_row;

		chart->counts[row] += of->buckets[i].count;
		chart->total += of->buckets[i].count;
		if (chart->counts[row] > chart->most)
			chart->most = chart->counts[row];
	}
}

static uint64_t
percentile_of(const struct histogram *of, double percent)
{
	struct fnt_op_metrics same = {.max_ns = of->max_ns,
				      .buckets = of->buckets,
				      .bucket_count = of->bucket_count};

	return fnt_metrics_op_percentile(&same, percent);
}

/* Write the names of the percentiles that fall into the row: " p50 p90", or "". */
static void
marks_of(const struct chart *chart, uint32_t row, char marks[MARKS_MAX])
{
	*marks = '\0';
	for (size_t i = 0; i < measures_percentile_count; i++) {
		uint64_t at = percentile_of(chart->of, measures_percentiles[i].percent);
		uint32_t its = (step_of(at) - chart->first) / chart->per_row;

		if (its >= chart->rows)
			its = chart->rows - 1;
		if (its == row) {
			strcat(marks, " ");
			strcat(marks, measures_percentiles[i].name);
		}
	}
}

/* Decide what is printed next to the bars. On a narrow terminal the marks are dropped
 * first, then the share, then the count. */
static void
fit(struct chart *chart)
{
	size_t width = text_columns(stdout), marks = 0;
	char text[MARKS_MAX];

	for (uint32_t row = 0; row < chart->rows; row++) {
		marks_of(chart, row, text);
		if (strlen(text) > marks)
			marks = strlen(text);
	}
	chart->columns = BAR_COLUMNS;
	chart->with_marks = chart->with_share = chart->with_count = true;
	if (!width)
		return;
	chart->with_marks = width >= LABEL + BAR_MIN + COUNT + SHARE + marks;
	chart->with_share = width >= LABEL + BAR_MIN + COUNT + SHARE;
	chart->with_count = width >= LABEL + BAR_MIN + COUNT;
	width -= LABEL < width ? LABEL : width;
	width -= (chart->with_count ? COUNT : 0u) + (chart->with_share ? SHARE : 0u) +
		 (chart->with_marks ? marks : 0u);
	chart->columns = width < BARS_MAX ? width : BARS_MAX;
	if (!chart->columns)
		chart->columns = 1;
}

static void
put_row(const struct chart *chart, uint32_t row)
{
	char bar[BAR_BYTES(BARS_MAX)] = "", marks[MARKS_MAX], text[TEXT_UNIT_MAX];
	uint64_t count = chart->counts[row];
	int pad;

	text_duration(text, start_of(chart->first + row * chart->per_row));
	printf("%*s%s %s", (int)(LABEL - 2 - text_width(text)), "", text,
	       text_is_utf8() ? "│" : "|");
	if (count)
		bar_draw(bar, 0, count, chart->most, chart->columns);
	text_style(stdout, TEXT_GOOD);
	fputs(bar, stdout);
	text_style(stdout, TEXT_PLAIN);
	pad = (int)(chart->columns - text_width(bar));
	if (count && chart->with_count)
		printf("%*s%*s", pad, "", COUNT, text_count(text, count));
	if (count && chart->with_share)
		printf("%*.1f %%", SHARE - 2,
		       100 * (double)count / (double)chart->total);
	marks_of(chart, row, marks);
	text_style(stdout, TEXT_BOLD);
	if (count && chart->with_marks)
		fputs(marks, stdout);
	text_style(stdout, TEXT_PLAIN);
	putchar('\n');
}

/* "p50 446 us  p90 2.20 ms …", wrapped at the width of the terminal. */
static void
put_percentiles(const struct histogram *of)
{
	size_t width = text_columns(stdout), used = 0;

	for (size_t i = 0; i < measures_percentile_count; i++) {
		const struct measures_percentile *one = &measures_percentiles[i];
		char text[TEXT_UNIT_MAX];
		size_t more;

		text_duration(text, percentile_of(of, one->percent));
		more = 3 + strlen(one->name) + text_width(text);
		if (used && width && used + more > width) {
			putchar('\n');
			used = 0;
		}
		used += more;
		printf("  %s %s", one->name, text);
	}
	putchar('\n');
}

static void
put_head(const struct histogram *of)
{
	char text[TEXT_UNIT_MAX];

	text_style(stdout, TEXT_BOLD);
	text_put_cut(stdout, of->title, text_columns(stdout));
	text_style(stdout, TEXT_PLAIN);
	printf("\n  %s %s%s\n", text_count(text, of->count), of->what,
	       of->count == 1 ? "" : "s");
	if (of->past_table)
		printf("  and %s %ss past the table: " MEASURES_LARGER "\n",
		       text_count(text, of->past_table), of->what);
	if (of->spilled)
		printf("  %s of them not in the histogram: histogram table full\n",
		       text_count(text, of->spilled));
}

void
histogram_print(const struct histogram *of)
{
	struct chart chart;

	put_head(of);
	if (!of->bucket_count)
		return;
	put_percentiles(of);
	lay_out(&chart, of);
	fit(&chart);
	putchar('\n');
	for (uint32_t row = 0; row < chart.rows; row++)
		put_row(&chart, row);
}

/* ---- for machines --------------------------------------------------------------- */

void
histogram_put_buckets(const struct fnt_bucket *buckets, size_t count)
{
	fputs(",\"buckets\":[", stdout);
	for (size_t i = 0; i < count; i++) {
		const struct fnt_bucket *bucket = &buckets[i];

		printf("%s{\"from_ns\":%" PRIu64 ",\"to_ns\":", i ? "," : "",
		       bucket->low_ns);
		if (bucket->high_ns == UINT64_MAX)
			fputs("null", stdout);
		else
			printf("%" PRIu64, bucket->high_ns);
		printf(",\"count\":%" PRIu64 "}", bucket->count);
	}
	fputs("]}\n", stdout);
}
