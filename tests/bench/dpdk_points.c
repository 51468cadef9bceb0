/* SPDX-License-Identifier: MIT */
#include <rte_trace_point_register.h>

#include "dpdk_points.h"

RTE_TRACE_POINT_REGISTER(bench_call_begin, fntbench.call_begin)
RTE_TRACE_POINT_REGISTER(bench_call_op, fntbench.call_op)
RTE_TRACE_POINT_REGISTER(bench_call_end, fntbench.call_end)
