/* SPDX-License-Identifier: MIT
 *
 * fns.h: the functions of the auction house, for the table in fns.c. They are defined
 * in fns_query.c, fns_mutation.c and fns_action.c, and called as struct fn.run says.
 */
#ifndef RUNTIME_FNS_H
#define RUNTIME_FNS_H

#include "fn.h"

int fn_browse(struct ctx *ctx);
int fn_lot_history(struct ctx *ctx);
int fn_search_lots(struct ctx *ctx);
int fn_slow_report(struct ctx *ctx);

int fn_open_lot(struct ctx *ctx);
int fn_place_bid(struct ctx *ctx);
int fn_watch_lot(struct ctx *ctx);
int fn_close_auction(struct ctx *ctx);
int fn_import_bids(struct ctx *ctx);
int fn_sweep(struct ctx *ctx);

int fn_narrate(struct ctx *ctx);
int fn_market_report(struct ctx *ctx);

#endif
