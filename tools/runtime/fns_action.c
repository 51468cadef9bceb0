/* SPDX-License-Identifier: MIT */
#include "fns.h"

#define TIDY_UP_MS 4000

/* An auctioneer's stream: calls browse for the lots on offer, opens a lot, and
 * schedules two sweeps. */
int
fn_narrate(struct ctx *ctx)
{
	struct json *out = fn_result(ctx);
	struct request browse, open, sweep;
	const char *offer, *lot;

	if (fn_stream(ctx, "Ladies and gentlemen, %s speaking. ", fn_arg(ctx, "who")))
		return -1;
	request_init(&browse, "browse");
	request_add(&browse, "n", "%s", fn_arg(ctx, "n"));
	if (fn_call(ctx, &browse, &offer) || fn_stream(ctx, "On offer: %s. ", offer))
		return -1;
	request_init(&open, "openLot");
	request_add(&open, "title", "%s's choice", fn_arg(ctx, "who"));
	request_add(&open, "category", "prints");
	request_add(&open, "price", "20");
	request_add(&open, "open_ms", "9000");
	if (fn_call(ctx, &open, &lot)) {
		/* The auctioneer has one already. */
		fn_clear_failure(ctx);
		lot = "null";
	}
	if (fn_stream(ctx, "Going, going, ") || fn_stream(ctx, "gone.\n"))
		return -1;
	request_init(&sweep, "sweep");
	request_add(&sweep, "title", "%s's choice", fn_arg(ctx, "who"));
	if (fn_schedule_in(ctx, &sweep, TIDY_UP_MS / 2) ||
	    fn_schedule_at(ctx, &sweep, fn_now_ms() + TIDY_UP_MS))
		return -1;
	json_open(out, '{');
	json_key(out, "offer");
	json_raw(out, offer);
	json_key(out, "opened");
	json_raw(out, lot);
	json_close(out, '}');
	return 0;
}

int
fn_market_report(struct ctx *ctx)
{
	struct request report;
	const char *trends;

	if (fn_stream(ctx, "Market report\n"))
		return -1;
	request_init(&report, "slowReport");
	request_add(&report, "n", "%s", fn_arg(ctx, "n"));
	if (fn_call(ctx, &report, &trends) || fn_stream(ctx, "%s\n", trends))
		return -1;
	json_raw(fn_result(ctx), trends);
	return 0;
}
