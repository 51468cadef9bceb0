/* SPDX-License-Identifier: MIT
 *
 * dpdk_points.h: a call as four trace points of DPDK. DPDK records no strings of
 * variable length, so a string is recorded as its address. This header is included
 * twice: to register the points, and to use them.
 */
#ifndef FNT_BENCH_DPDK_POINTS_H
#define FNT_BENCH_DPDK_POINTS_H

#include <rte_trace_point.h>

RTE_TRACE_POINT(bench_call_begin,
		RTE_TRACE_POINT_ARGS(uint64_t uid, const char *call_id,
				     const char *fn_name, const char *user_id),
		rte_trace_point_emit_u64(uid);
		rte_trace_point_emit_ptr(call_id); rte_trace_point_emit_ptr(fn_name);
		rte_trace_point_emit_ptr(user_id);)

RTE_TRACE_POINT(bench_call_op,
		RTE_TRACE_POINT_ARGS(uint64_t uid, int op, const char *entity,
				     const char *id, uint64_t duration_ns,
				     int64_t row_count, uint8_t ok),
		rte_trace_point_emit_u64(uid);
		rte_trace_point_emit_int(op); rte_trace_point_emit_ptr(entity);
		rte_trace_point_emit_ptr(id); rte_trace_point_emit_u64(duration_ns);
		rte_trace_point_emit_i64(row_count); rte_trace_point_emit_u8(ok);)

RTE_TRACE_POINT(bench_call_end, RTE_TRACE_POINT_ARGS(uint64_t uid, int outcome),
		rte_trace_point_emit_u64(uid);
		rte_trace_point_emit_int(outcome);)

#endif
