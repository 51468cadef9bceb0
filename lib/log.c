/* SPDX-License-Identifier: MIT
 *
 * log.c: opens and closes a log, and answers a process's queries of its own log.
 * The one file that uses both produce/ and read/.
 *
 * Any thread. Opening and closing allocate and make system calls. A query never waits
 * for a producer, nor a producer for a query.
 */
#include "base/error.h"
#include "base/guard.h"
#include "produce/attach.h"
#include "produce/reopen.h"
#include "read/query.h"
#include "read/reader_metrics.h"
#include "region/claim.h"
#include "region/fd.h"
#include "region/liveness.h"
#include "region/region.h"
#include "region/segment_map.h"
#include "region/sigbus.h"
#include "region/slots.h"
#include "settings/first_settings.h"

#include <fntrace/metrics.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The message for a failure of fnt_log_attach(). */
static const char *
why_not_attached(int rc)
{
	switch (rc) {
	case -EUSERS:
		return "%s: all process slots are taken; make a larger region";
	case -EAGAIN:
		return "%s: the process has no pthread key left, by which the library "
		       "learns of the end of threads; open the log earlier";
	case -ENOLCK:
		return FNT_NO_LOCKS;
	case -ENOMEM:
		return "%s: out of memory";
	default:
		return "%s: the system refuses to say which file this is (fstat); "
		       "allow "
		       "that call";
	}
}

static int
open_and_attach(struct fnt_log **log, const char *name,
		const struct fnt_options *options)
{
	struct fnt_region *region = calloc(1, sizeof(*region));
	int rc;

	if (!region)
		return fnt_fail(options->error, -ENOMEM, "out of memory");
	rc = fnt_region_open(region, name, options, fnt_first_settings_write);
	if (!rc) {
		if (!name)
			fnt_region_seal(region);
		rc = fnt_log_attach(log, region);
		if (rc == -EUSERS)
			rc = fnt_slot_why_none(region);
		if (rc) {
			fnt_fail(options->error, rc, why_not_attached(rc),
				 fnt_region_label(region));
			fnt_region_close(region);
		} else {
			fnt_reopen_remember(*log, options);
		}
	}
	if (!rc && *region->notice)
		(*log)->notice = strdup(region->notice);
	free(region);
	return rc;
}

int
fnt_log_open(struct fnt_log **log, const char *name, const struct fnt_options *options)
{
	static const struct fnt_options defaults;
	struct fnt_guard guard = fnt_guard_enter();
	int rc = open_and_attach(log, name, options ? options : &defaults);

	fnt_guard_leave(guard);
	return rc;
}

int
fnt_log_guard(void)
{
	return fnt_sigbus_install();
}

void
fnt_log_close(struct fnt_log *log)
{
	struct fnt_guard guard = fnt_guard_enter();

	if (log)
		fnt_log_detach(log);
	fnt_guard_leave(guard);
}

const char *
fnt_log_path(const struct fnt_log *log)
{
	return log ? log->path : "";
}

const char *
fnt_log_notice(const struct fnt_log *log)
{
	return log && log->notice ? log->notice : "";
}

/* ---- queries ---------------------------------------------------------------- */

/* Begins a read-side critical section; NULL: the log is closed. While a query reads the
 * oldest records, the file space of a retired segment may be punched out. A reader in
 * another process survives that by its SIGBUS handler (sigbus.h), but a host has none.
 * So this process raises `readers` before it looks at which segments there are, and no
 * space is punched out while a process that may have looked earlier is reading
 * (resize.c). *slot: for leave_reading(). */
static struct fnt_attachment *
enter_reading(struct fnt_log *log, uint32_t *slot)
{
	struct fnt_attachment *attachment = fnt_enter(log);

	if (!attachment)
		return NULL;
	*slot = attachment->slot;
	if (*slot != FNT_SLOT_NONE)
		atomic_fetch_add_explicit(
			&attachment->region.view.producers[*slot].readers, 1,
			memory_order_seq_cst);
	return attachment;
}

static void
leave_reading(struct fnt_attachment *attachment, uint32_t slot)
{
	if (slot != FNT_SLOT_NONE)
		atomic_fetch_sub_explicit(
			&attachment->region.view.producers[slot].readers, 1,
			memory_order_release);
	fnt_leave();
}

/* Why not all of the ring can be read: -errno; 0: it can. */
static int
find_problem(const struct fnt_attachment *attachment)
{
	return fnt_view_segment_table(&attachment->region.view)->problem;
}

static int
query_log(struct fnt_log *log, const struct fnt_query *query,
	  struct fnt_traces **traces)
{
	uint32_t slot;
	struct fnt_attachment *attachment = enter_reading(log, &slot);
	int rc;

	if (!attachment)
		return -ESHUTDOWN;
	rc = fnt_segment_map_follow(&attachment->region);
	if (!rc)
		rc = fnt_query_run(&attachment->region.view, query, traces);
	/* Another thread may have found a segment meanwhile that can't be mapped. */
	if (!rc && find_problem(attachment)) {
		fnt_traces_free(*traces);
		rc = find_problem(attachment);
	}
	leave_reading(attachment, slot);
	return rc;
}

int
fnt_log_recent(struct fnt_log *log, size_t limit, struct fnt_traces **traces)
{
	return query_log(log, &(struct fnt_query){.limit = limit}, traces);
}

int
fnt_log_by_fn(struct fnt_log *log, const char *fn_name, size_t limit,
	      struct fnt_traces **traces)
{
	return query_log(
		log,
		&(struct fnt_query){.limit = limit, .fn_name = fn_name ? fn_name : ""},
		traces);
}

int
fnt_log_errors(struct fnt_log *log, size_t limit, struct fnt_traces **traces)
{
	return query_log(log, &(struct fnt_query){.limit = limit, .errors_only = true},
			 traces);
}

/* The number that `of` returns for the log's view; 0 if the log is closed; `unknown` if
 * a part of the ring can't be mapped. */
static uint64_t
ask_number(struct fnt_log *log, uint64_t (*of)(const struct fnt_view *view),
	   uint64_t unknown)
{
	uint32_t slot;
	struct fnt_attachment *attachment = enter_reading(log, &slot);
	uint64_t value = unknown;

	if (!attachment)
		return 0;
	if (!fnt_segment_map_follow(&attachment->region))
		value = of(&attachment->region.view);
	leave_reading(attachment, slot);
	return value;
}

uint64_t
fnt_log_total_count(struct fnt_log *log)
{
	struct fnt_attachment *attachment = fnt_enter(log);
	uint64_t total;

	if (!attachment)
		return 0;
	total = fnt_query_total(&attachment->region.view);
	fnt_leave();
	return total;
}

uint64_t
fnt_log_len(struct fnt_log *log)
{
	return ask_number(log, fnt_query_retained, 0);
}

/* Is there a record? Tries to read the newest one. 1 also if there is no memory to do
 * so. */
static uint64_t
has_any(const struct fnt_view *view)
{
	struct fnt_traces *traces;
	uint64_t count;

	if (fnt_query_run(view, &(struct fnt_query){.limit = 1}, &traces))
		return 1;
	count = traces->count;
	fnt_traces_free(traces);
	return count;
}

bool
fnt_log_is_empty(struct fnt_log *log)
{
	return ask_number(log, has_any, 1) == 0;
}

int
fnt_log_metrics(struct fnt_log *log, struct fnt_metrics **metrics)
{
	struct fnt_attachment *attachment = fnt_enter(log);
	int rc;

	if (!attachment)
		return -ESHUTDOWN;
	rc = fnt_metrics_sum(&attachment->region.view, metrics);
	fnt_leave();
	return rc;
}
