/* SPDX-License-Identifier: MIT */
#include "fns.h"

#include <string.h>

/* clang-format off */
static const struct fn functions[] = {
	{"browse",	 FN_QUERY,    fn_browse,	{{"n", FN_NUMBER}}},
	{"lotHistory",	 FN_QUERY,    fn_lot_history,	{{"title", FN_TEXT}}},
	{"searchLots",	 FN_QUERY,    fn_search_lots,	{{"words", FN_TEXT}}},
	{"slowReport",	 FN_QUERY,    fn_slow_report,	{{"n", FN_NUMBER}}},
	{"openLot",	 FN_MUTATION, fn_open_lot,	{{"title", FN_TEXT},
							 {"category", FN_TEXT},
							 {"price", FN_NUMBER},
							 {"open_ms", FN_NUMBER}}},
	{"placeBid",	 FN_MUTATION, fn_place_bid,	{{"title", FN_TEXT},
							 {"amount", FN_NUMBER}}},
	{"watchLot",	 FN_MUTATION, fn_watch_lot,	{{"title", FN_TEXT}}},
	{"closeAuction", FN_MUTATION, fn_close_auction, {{"title", FN_TEXT}}},
	{"importBids",	 FN_MUTATION, fn_import_bids,	{{"title", FN_TEXT},
							 {"first_ref", FN_NUMBER},
							 {"n", FN_NUMBER}}},
	{"sweep",	 FN_MUTATION, fn_sweep,		{{"title", FN_TEXT}}},
	{"narrate",	 FN_ACTION,   fn_narrate,	{{"who", FN_TEXT},
							 {"n", FN_NUMBER}}},
	{"marketReport", FN_ACTION,   fn_market_report, {{"n", FN_NUMBER}}},
};
/* clang-format on */

const struct fn *
fn_find(const char *name)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		if (!strcmp(functions[i].name, name))
			return &functions[i];
	}
	return NULL;
}
