/* SPDX-License-Identifier: MIT */
#include "read/reader_metrics.h"

#include "read/attached.h"
#include "read/metrics_sum.h"

#include <errno.h>

int
fnt_metrics_sum(const struct fnt_view *view, struct fnt_metrics **metrics)
{
	struct fnt_metrics_work work = {
		.view = view, .result = fnt_metrics_result_create(view->name_count)};
	int rc = work.result ? fnt_metrics_sum_fns(&work) : -ENOMEM;

	if (!rc)
		rc = fnt_metrics_sum_ops(&work);
	if (!rc)
		rc = fnt_metrics_fill(&work);
	fnt_metrics_work_fini(&work);
	if (rc && work.result)
		fnt_metrics_free(&work.result->metrics);
	if (!rc)
		*metrics = &work.result->metrics;
	return rc;
}

int
fnt_reader_metrics(struct fnt_reader *reader, struct fnt_metrics **metrics)
{
	struct fnt_metrics *sum = NULL;
	int rc = fnt_reader_ensure_fresh(reader);

	if (!rc)
		rc = fnt_metrics_sum(&reader->region.view, &sum);
	if (!rc)
		rc = fnt_reader_ensure_fresh(reader);
	if (rc)
		fnt_metrics_free(sum);
	else
		*metrics = sum;
	return rc;
}
