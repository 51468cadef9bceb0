/* SPDX-License-Identifier: MIT
 *
 * pylon.h: the protocol of Pylon's function runtime, one JSON object a line over stdio.
 *
 *      host ► functions  call {call_id, fn_name, fn_type, args,
 *                              auth {user_id?, tenant_id?}, request?}
 *                        result {call_id, op_id?, data?, error?}
 *      functions ► host  db {call_id, op_id?, op, entity, id?}   stream {call_id, data}
 *                        schedule {call_id, fn_name, delay_ms?, run_at?}
 *                        run_fn {call_id, fn_name}   return {call_id, value}
 *                        error {call_id, code, message}   ready   cancel_schedule
 *
 * args, request and the data of operations are looked at for their shape and never
 * kept.
 */
#ifndef FNT_TAP_PYLON_H
#define FNT_TAP_PYLON_H

#include "tap/protocol.h"

/* Limits. Longer identifiers, or more at once, are passed and counted as untraced. */
#define PYLON_ID_MAX 512	  /* bytes of a call_id or op_id */
#define PYLON_TEXT_MAX 8192	  /* of names, users, error messages: the rest is cut */
#define PYLON_VALUE_MAX (1 << 20) /* of a result value as JSON: longer is left out */

extern const struct protocol pylon_protocol;

#endif
