/* SPDX-License-Identifier: MIT
 *
 * pylon.h: the protocol of Pylon's function runtime: one JSON object per line over
 * stdin and stdout.
 *
 *      host ► functions  call {call_id, fn_name, fn_type, args,
 *                              auth {user_id?, tenant_id?}, request?}
 *                        result {call_id, op_id?, data?, error?}
 *      functions ► host  db {call_id, op_id?, op, entity, id?}   stream {call_id, data}
 *                        schedule {call_id, fn_name, delay_ms?, run_at?}
 *                        run_fn {call_id, fn_name}   return {call_id, value}
 *                        error {call_id, code, message}   ready   cancel_schedule
 *
 * Of args, request and the data of operations only the shape is looked at; their
 * content is never kept.
 */
#ifndef FNT_TAP_PYLON_H
#define FNT_TAP_PYLON_H

#include "tap/protocol.h"

/* Limits, in bytes. A call or operation over a limit is relayed, not recorded, and
 * counted as over a limit. */
#define PYLON_ID_MAX 512    /* call_id and op_id */
#define PYLON_TEXT_MAX 8192 /* names, users, error messages; longer ones are cut */
#define PYLON_VALUE_MAX (1 << 20) /* a result as JSON; a longer one is left out */

extern const struct protocol pylon_protocol;

#endif
