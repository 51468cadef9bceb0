/* SPDX-License-Identifier: MIT */
#include "entity.h"
#include "fns.h"

#include <string.h>

#define SWEEP_BATCH 60
#define SWEEP_DELAY_MS 1500

/* The deposit that a bidder pays until there is a higher bid: a tenth of the bid. */
static int64_t
deposit(int64_t amount)
{
	return (amount + 9) / 10;
}

static int
find_lot(struct ctx *ctx, struct rows *lot)
{
	const char *title = fn_arg(ctx, "title");

	if (db_lookup(ctx, "Lot", "title", title, lot))
		return -1;
	if (!lot->count)
		return fn_fail(ctx, "NO_SUCH_LOT", "there is no lot %s", title);
	return 0;
}

static bool
is_open(const struct rows *lot)
{
	return !strcmp(rows_text(lot, 0, "status"), "open");
}

/* Add `change` to the user's balance. The database refuses a negative balance. */
static int
move_money(struct ctx *ctx, const char *user, int64_t change)
{
	struct rows account;

	if (db_get(ctx, "User", user, &account))
		return -1;
	if (!account.count)
		return fn_fail(ctx, "NO_SUCH_USER", "there is no user %s", user);
	return db_update(
		ctx, "User", user,
		FIELDS({"balance", NUMBER(rows_int(&account, 0, "balance") + change)}));
}

static int
find_leader(struct ctx *ctx, const char *lot, struct rows *leader)
{
	/* Imported bids, which have a reference, paid no deposit. */
	return db_query(ctx, "Bid",
			"lot = ?1 AND ref IS NULL ORDER BY amount DESC LIMIT 1",
			VALUES(TEXT(lot)), leader);
}

int
fn_open_lot(struct ctx *ctx)
{
	const char *title = fn_arg(ctx, "title"), *id;
	int64_t price = fn_arg_int(ctx, "price");
	struct json *out = fn_result(ctx);
	struct request close;

	if (!*title)
		return fn_fail(ctx, "INVALID_ARGS", "title: must not be empty");
	if (db_insert(ctx, "Lot",
		      FIELDS({"title", TEXT(title)},
			     {"category", TEXT(fn_arg(ctx, "category"))},
			     {"seller", TEXT(fn_user(ctx))},
			     {"about", TEXT("as seen, no returns")},
			     {"price", NUMBER(price)},
			     {"opened_at", NUMBER(fn_now_ms())}),
		      &id))
		return -1;
	request_init(&close, "closeAuction");
	request_add(&close, "title", "%s", title);
	if (fn_schedule_in(ctx, &close, fn_arg_int(ctx, "open_ms")))
		return -1;
	json_open(out, '{');
	json_key(out, "id");
	json_text(out, id);
	json_close(out, '}');
	return 0;
}

static int
accept_bid(struct ctx *ctx, const char *lot, int64_t amount)
{
	struct rows leader;

	if (find_leader(ctx, lot, &leader))
		return -1;
	if (db_insert(ctx, "Bid",
		      FIELDS({"lot", TEXT(lot)}, {"bidder", TEXT(fn_user(ctx))},
			     {"amount", NUMBER(amount)},
			     {"placed_at", NUMBER(fn_now_ms())}),
		      NULL) ||
	    db_update(ctx, "Lot", lot, FIELDS({"price", NUMBER(amount)})))
		return -1;
	if (leader.count && move_money(ctx, rows_text(&leader, 0, "bidder"),
				       deposit(rows_int(&leader, 0, "amount"))))
		return -1;
	return move_money(ctx, fn_user(ctx), -deposit(amount));
}

int
fn_place_bid(struct ctx *ctx)
{
	int64_t amount = fn_arg_int(ctx, "amount");
	struct json *out = fn_result(ctx);
	struct rows lot;

	if (find_lot(ctx, &lot))
		return -1;
	if (!is_open(&lot))
		return fn_fail(ctx, "LOT_CLOSED", "%s is sold", fn_arg(ctx, "title"));
	if (amount <= rows_int(&lot, 0, "price"))
		return fn_fail(ctx, "BID_TOO_LOW", "bid %lld is not above %lld",
			       (long long)amount,
			       (long long)rows_int(&lot, 0, "price"));
	if (accept_bid(ctx, rows_text(&lot, 0, "id"), amount))
		return -1;
	json_open(out, '{');
	json_key(out, "accepted");
	json_bool(out, true);
	json_key(out, "amount");
	json_int(out, amount);
	json_close(out, '}');
	return 0;
}

/* Watch a lot, or stop watching it. */
int
fn_watch_lot(struct ctx *ctx)
{
	const char *user = fn_user(ctx), *id;
	struct rows lot, watching;
	int rc;

	if (find_lot(ctx, &lot))
		return -1;
	id = rows_text(&lot, 0, "id");
	if (db_aggregate(ctx, "Lot", "SELECT 1 FROM watch WHERE lot = ?1 AND user = ?2",
			 VALUES(TEXT(id), TEXT(user)), &watching))
		return -1;
	if (watching.count)
		rc = db_unlink(ctx, "Lot", id, user);
	else
		rc = db_link(ctx, "Lot", id, user);
	json_bool(fn_result(ctx), !watching.count);
	return rc;
}

int
fn_close_auction(struct ctx *ctx)
{
	struct json *out = fn_result(ctx);
	struct request sweep;
	struct rows lot, leader;

	if (find_lot(ctx, &lot))
		return -1;
	if (!is_open(&lot))
		return fn_fail(ctx, "LOT_CLOSED", "%s is sold already",
			       fn_arg(ctx, "title"));
	if (find_leader(ctx, rows_text(&lot, 0, "id"), &leader) ||
	    db_update(ctx, "Lot", rows_text(&lot, 0, "id"),
		      FIELDS({"status", TEXT("sold")})))
		return -1;
	if (leader.count && move_money(ctx, rows_text(&lot, 0, "seller"),
				       deposit(rows_int(&leader, 0, "amount"))))
		return -1;
	request_init(&sweep, "sweep");
	request_add(&sweep, "title", "%s", fn_arg(ctx, "title"));
	if (fn_schedule_in(ctx, &sweep, SWEEP_DELAY_MS))
		return -1;
	json_open(out, '{');
	json_key(out, "winner");
	json_text(out, rows_text(&leader, 0, "bidder"));
	json_key(out, "price");
	json_int(out, rows_int(&leader, 0, "amount"));
	json_close(out, '}');
	return 0;
}

/* Import bids taken on paper, each with the number of its slip: all of them or none. */
int
fn_import_bids(struct ctx *ctx)
{
	int64_t first = fn_arg_int(ctx, "first_ref"), n = fn_arg_int(ctx, "n");
	struct json *out = fn_result(ctx);
	struct rows lot;
	const char *id;

	if (find_lot(ctx, &lot))
		return -1;
	json_open(out, '[');
	for (int64_t i = 0; i < n; i++) {
		const char *ref = arena_printf(fn_arena(ctx), "slip-%lld",
					       (long long)(first + i));

		if (db_insert(ctx, "Bid",
			      FIELDS({"ref", TEXT(ref)},
				     {"lot", TEXT(rows_text(&lot, 0, "id"))},
				     {"bidder", TEXT(fn_user(ctx))},
				     {"amount", NUMBER(1 + i % 50)},
				     {"placed_at", NUMBER(fn_now_ms())}),
			      &id))
			return -1;
		json_text(out, id);
	}
	json_close(out, ']');
	return 0;
}

/* Delete losing bids on a sold lot, SWEEP_BATCH at a time. */
int
fn_sweep(struct ctx *ctx)
{
	struct request again;
	struct rows lot, bids;

	if (find_lot(ctx, &lot))
		return -1;
	if (is_open(&lot)) {
		json_int(fn_result(ctx), 0);
		return 0;
	}
	if (db_query(ctx, "Bid", "lot = ?1 AND amount < ?2 LIMIT ?3",
		     VALUES(TEXT(rows_text(&lot, 0, "id")),
			    NUMBER(rows_int(&lot, 0, "price")), NUMBER(SWEEP_BATCH)),
		     &bids))
		return -1;
	for (size_t i = 0; i < bids.count; i++) {
		if (db_delete(ctx, "Bid", rows_text(&bids, i, "id")))
			return -1;
	}
	request_init(&again, "sweep");
	request_add(&again, "title", "%s", fn_arg(ctx, "title"));
	if (bids.count == SWEEP_BATCH && fn_schedule_in(ctx, &again, SWEEP_DELAY_MS))
		return -1;
	json_int(fn_result(ctx), (int64_t)bids.count);
	return 0;
}
