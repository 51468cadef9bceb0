/* SPDX-License-Identifier: MIT */
#include "entity.h"
#include "fns.h"

/* The front page: the newest lots, the bids on the first three of them, and a page of
 * the catalogue. */
int
fn_browse(struct ctx *ctx)
{
	struct json *out = fn_result(ctx);
	struct rows lots, bids, seller, page;
	int64_t n = fn_arg_int(ctx, "n");

	if (db_list(ctx, "Lot", n, &lots))
		return -1;
	json_open(out, '{');
	json_key(out, "bids");
	json_open(out, '[');
	for (size_t i = 0; i < lots.count && i < 3; i++) {
		const char *lot = rows_text(&lots, i, "id");

		if (db_query(ctx, "Bid", "lot = ?1 ORDER BY amount DESC LIMIT 10",
			     VALUES(TEXT(lot)), &bids))
			return -1;
		json_int(out, (int64_t)bids.count);
	}
	json_close(out, ']');
	if (lots.count && db_get(ctx, "User", rows_text(&lots, 0, "seller"), &seller))
		return -1;
	if (db_paginate(ctx, "Lot", "", n, &page))
		return -1;
	json_key(out, "first");
	json_text(out, rows_text(&lots, 0, "title"));
	json_key(out, "isDone");
	json_bool(out, (int64_t)page.count < n);
	json_key(out, "lots");
	json_int(out, (int64_t)lots.count);
	json_close(out, '}');
	return 0;
}

int
fn_lot_history(struct ctx *ctx)
{
	struct json *out = fn_result(ctx);
	const char *title = fn_arg(ctx, "title");
	struct rows lot, bids;

	if (db_lookup(ctx, "Lot", "title", title, &lot))
		return -1;
	if (!lot.count)
		return fn_fail(ctx, "NO_SUCH_LOT", "there is no lot %s", title);
	if (db_query_graph(ctx, "Lot",
			   "SELECT b.amount, b.placed_at, u.name, u.tenant"
			   " FROM bid b JOIN user u ON u.id = b.bidder"
			   " WHERE b.lot = ?1 ORDER BY b.amount DESC LIMIT 25",
			   VALUES(TEXT(rows_text(&lot, 0, "id"))), &bids))
		return -1;
	json_open(out, '{');
	json_key(out, "lot");
	rows_json(out, &lot, 0);
	json_key(out, "bids");
	json_open(out, '[');
	for (size_t i = 0; i < bids.count; i++)
		rows_json(out, &bids, i);
	json_close(out, ']');
	json_close(out, '}');
	return 0;
}

int
fn_search_lots(struct ctx *ctx)
{
	struct json *out = fn_result(ctx);
	struct rows hits;

	if (db_search(ctx, "Lot", fn_arg(ctx, "words"), 20, &hits))
		return -1;
	json_open(out, '[');
	for (size_t i = 0; i < hits.count; i++)
		json_text(out, rows_text(&hits, i, "title"));
	json_close(out, ']');
	return 0;
}

/* For each category, Kendall's rank correlation of the time and the amount of bids, by
 * comparing every pair of the newest n. It is slow on purpose, quadratic in n: a second
 * or two for n = 2000. */
int
fn_slow_report(struct ctx *ctx)
{
	static const char tau[] =
		"WITH newest AS MATERIALIZED ("
		"  SELECT b.amount, b.placed_at FROM lot l JOIN bid b ON b.lot = l.id"
		"  WHERE l.category = ?1 ORDER BY b.placed_at DESC LIMIT ?2)"
		" SELECT count(*) AS pairs,"
		"   total((a.amount < b.amount) - (a.amount > b.amount)) / count(*) AS "
		"tau"
		" FROM newest a JOIN newest b ON +a.placed_at < +b.placed_at";
	struct json *out = fn_result(ctx);
	struct rows categories, row;

	if (db_aggregate(
		    ctx, "Lot",
		    "SELECT category, count(*) AS lots, avg(price) AS price FROM lot"
		    " GROUP BY category ORDER BY category",
		    NO_VALUES, &categories))
		return -1;
	json_open(out, '[');
	for (size_t i = 0; i < categories.count; i++) {
		const char *category = rows_text(&categories, i, "category");

		if (db_aggregate(ctx, "Bid", tau,
				 VALUES(TEXT(category), NUMBER(fn_arg_int(ctx, "n"))),
				 &row))
			return -1;
		json_open(out, '{');
		json_key(out, "category");
		json_text(out, category);
		json_key(out, "trend");
		rows_json(out, &row, 0);
		json_close(out, '}');
	}
	json_close(out, ']');
	return 0;
}
