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
 * and, in versions of 2026: cancel, which ends a call as the error FN_TIMEOUT;
 * run_agent, which is run_fn for an agent; render_route and handle_form, which are
 * calls, named by their route and ended by render_done or return; and requests for
 * something that is no database operation (llm_complete, send_email, files_op …), which
 * are waits of the call until their result.
 *
 * A nested call has the caller whose run_fn it answers: of several waits for one
 * function the one with the same args and auth.
 *
 * Of request and the data of operations only the shape is looked at, and of args and
 * auth a hash; their content is never recorded.
 */
#ifndef FNT_TAP_PYLON_H
#define FNT_TAP_PYLON_H

#include "tap/protocol.h"

/* Limits, in bytes. A call or operation over a limit is relayed, not recorded, and
 * counted as over a limit. */
#define PYLON_ID_MAX 512       /* call_id and op_id */
#define PYLON_TEXT_MAX 8192    /* names, users, error messages; longer ones are cut */
#define PYLON_HASHED_MAX 16384 /* args and auth, to find a nested call's caller */
#define PYLON_VALUE_MAX (1 << 20) /* a result as JSON; a longer one is left out */

extern const struct protocol pylon_protocol;

#endif
