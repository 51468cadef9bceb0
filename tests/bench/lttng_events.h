/* SPDX-License-Identifier: MIT
 *
 * lttng_events.h: a call as four events of LTTng-UST. The library's macros include
 * this header several times.
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER fntbench

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./lttng_events.h"

#if !defined(FNT_BENCH_LTTNG_EVENTS_H) ||                                              \
	defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define FNT_BENCH_LTTNG_EVENTS_H

#include <lttng/tracepoint.h>
#include <stdint.h>

/* clang-format cannot format lists without commas. */
/* clang-format off */
LTTNG_UST_TRACEPOINT_EVENT(
	fntbench, call_begin,
	LTTNG_UST_TP_ARGS(
		uint64_t, uid,
		const char *, call_id,
		const char *, fn_name,
		int, fn_type,
		const char *, user_id),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint64_t, uid, uid)
		lttng_ust_field_string(call_id, call_id)
		lttng_ust_field_string(fn_name, fn_name)
		lttng_ust_field_integer(int, fn_type, fn_type)
		lttng_ust_field_string(user_id, user_id)))

LTTNG_UST_TRACEPOINT_EVENT(
	fntbench, call_op,
	LTTNG_UST_TP_ARGS(
		uint64_t, uid,
		int, op,
		const char *, entity,
		const char *, id,
		uint64_t, duration_ns,
		int64_t, row_count,
		int, ok),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint64_t, uid, uid)
		lttng_ust_field_integer(int, op, op)
		lttng_ust_field_string(entity, entity)
		lttng_ust_field_string(id, id)
		lttng_ust_field_integer(uint64_t, duration_ns, duration_ns)
		lttng_ust_field_integer(int64_t, row_count, row_count)
		lttng_ust_field_integer(int, ok, ok)))

LTTNG_UST_TRACEPOINT_EVENT(
	fntbench, call_end,
	LTTNG_UST_TP_ARGS(
		uint64_t, uid,
		int, outcome),
	LTTNG_UST_TP_FIELDS(
		lttng_ust_field_integer(uint64_t, uid, uid)
		lttng_ust_field_integer(int, outcome, outcome)))
/* clang-format on */

#endif

#include <lttng/tracepoint-event.h>
