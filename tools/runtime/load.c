/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <stdio.h>
#include <string.h>

#define REPORT_BIDS 1500

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t
draw(struct load *load)
{
	uint64_t z = load->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int64_t
below(struct load *load, int64_t limit)
{
	return (int64_t)(draw(load) % (uint64_t)limit);
}

static bool
one_in(struct load *load, int64_t n)
{
	return below(load, n) == 0;
}

/* A random lot; newer lots are more likely. */
static int64_t
some_lot(struct load *load)
{
	int64_t window = load->lots < LOAD_WINDOW ? load->lots : LOAD_WINDOW;
	int64_t a = below(load, window), b = below(load, window);

	return load->lots - 1 - (a < b ? a : b);
}

static void
add_title(struct load *load, struct request *request)
{
	/* Sometimes a lot that does not exist. */
	if (one_in(load, 60))
		request_add(request, "title", "lot-%lld", (long long)load->lots + 5000);
	else
		request_add(request, "title", "lot-%lld", (long long)some_lot(load));
}

static void
make_browse(struct load *load, struct request *request)
{
	request_add(request, "n", "%lld", (long long)(5 + below(load, 20)));
}

static void
make_search(struct load *load, struct request *request)
{
	static const char *const words[] = {"clocks",	   "brass maps", "oak",
					    "rare lamps",  "signed",	 "radios",
					    "chip prints", "chairs OR",	 "boxed"};

	/* "chairs OR" is a syntax error in a search. */
	request_add(request, "words", "%s",
		    words[below(load, sizeof(words) / sizeof(*words))]);
}

static void
make_bid(struct load *load, struct request *request)
{
	int64_t lot = some_lot(load), *price = &load->prices[lot % LOAD_WINDOW];
	int64_t amount = *price + 1 + below(load, 12);

	if (one_in(load, 12)) {
		add_title(load, request);
		request_add(request, "amount", "%lld",
			    (long long)(1 + below(load, 30)));
		return;
	}
	/* More than any user has: fails only when the deposit is paid. */
	if (one_in(load, 40))
		amount += 100000;
	else
		*price = amount;
	request_add(request, "title", "lot-%lld", (long long)lot);
	request_add(request, "amount", "%lld", (long long)amount);
}

static void
make_open(struct load *load, struct request *request)
{
	static const char *const categories[] = {"clocks", "maps",   "chairs",
						 "lamps",  "prints", "radios"};
	int64_t price = 5 + below(load, 90);

	request_add(request, "category", "%s", categories[below(load, 6)]);
	request_add(request, "open_ms", "%lld", (long long)(6000 + below(load, 40000)));
	if (one_in(load, 15)) { /* a title that exists: CONFLICT */
		request_add(request, "title", "lot-%lld", (long long)some_lot(load));
		request_add(request, "price", "%lld", (long long)price);
		return;
	}
	if (one_in(load, 15)) { /* without a price: INVALID_ARGS */
		request_add(request, "title", "lot-%lld", (long long)load->lots);
		return;
	}
	request_add(request, "price", "%lld", (long long)price);
	load->prices[load->lots % LOAD_WINDOW] = price;
	request_add(request, "title", "lot-%lld", (long long)load->lots++);
}

static void
make_narrate(struct load *load, struct request *request)
{
	request_add(request, "who", "auctioneer-%lld", (long long)below(load, 400));
	request_add(request, "n", "%lld", (long long)(4 + below(load, 8)));
}

static void
make_import(struct load *load, struct request *request)
{
	int64_t n = 200 + below(load, 100), first = load->next_slip;

	/* New slips followed by some that were imported already: all is rolled back. */
	if (load->last_import && one_in(load, 4))
		first = load->last_import - 80;
	else
		load->last_import = first;
	load->next_slip += 1000;
	request_add(request, "title", "lot-%lld", (long long)some_lot(load));
	request_add(request, "first_ref", "%lld", (long long)first);
	request_add(request, "n", "%lld", (long long)n);
}

static void
make_report(struct load *load, struct request *request)
{
	(void)load;
	request_add(request, "n", "%d", REPORT_BIDS);
}

/* The weights add up to 1000. */
static const struct {
	int weight;
	const char *fn_name;
	void (*make)(struct load *load, struct request *request);
} kinds[] = {
	{390, "browse", make_browse},	 {160, "lotHistory", add_title},
	{90, "searchLots", make_search}, {240, "placeBid", make_bid},
	{60, "openLot", make_open},	 {30, "watchLot", add_title},
	{20, "narrate", make_narrate},	 {4, "importBids", make_import},
	{4, "slowReport", make_report},	 {2, "marketReport", make_report},
};

static size_t
pick(struct load *load)
{
	int64_t at = below(load, 1000);
	size_t i = 0;

	while (at >= kinds[i].weight)
		at -= kinds[i++].weight;
	return i;
}

void
load_next(struct load *load, bool report, struct request *request)
{
	int64_t user = below(load, load->users);
	size_t kind;

	do {
		kind = pick(load);
	} while (!report && kinds[kind].make == make_report);
	request_init(request, kinds[kind].fn_name);
	snprintf(request->call_id, sizeof(request->call_id), "c_%llu",
		 (unsigned long long)load->made++);
	snprintf(request->user_id, sizeof(request->user_id), "u_%lld", (long long)user);
	snprintf(request->tenant_id, sizeof(request->tenant_id), "t_%lld",
		 (long long)(user % 4));
	kinds[kind].make(load, request);
}

static int
count_users(struct load *load, struct db *db, struct arena *arena)
{
	struct rows rows;
	int rc = db_run(db, arena, "SELECT count(*) AS n FROM user WHERE id GLOB 'u_*'",
			NO_VALUES, &rows);

	load->users = rc || !rows_int(&rows, 0, "n") ? 1 : rows_int(&rows, 0, "n");
	return rc;
}

static int
read_lots(struct load *load, struct db *db, struct arena *arena)
{
	struct rows rows;
	int rc = db_run(db, arena,
			"SELECT CAST(substr(title, 5) AS INTEGER) AS n, price FROM lot"
			" WHERE title GLOB 'lot-[0-9]*' ORDER BY n",
			NO_VALUES, &rows);

	/* A database given by --db may have no lots: clients then get NO_SUCH_LOT. */
	load->lots = 1;
	for (size_t i = 0; !rc && i < rows.count; i++) {
		int64_t n = rows_int(&rows, i, "n");

		load->lots = n + 1;
		load->prices[n % LOAD_WINDOW] = rows_int(&rows, i, "price");
	}
	return rc;
}

static int
read_slips(struct load *load, struct db *db, struct arena *arena)
{
	struct rows rows;
	int rc = db_run(db, arena,
			"SELECT max(CAST(substr(ref, 6) AS INTEGER)) AS slip FROM bid"
			" WHERE ref IS NOT NULL",
			NO_VALUES, &rows);

	load->next_slip = rc ? 0 : (rows_int(&rows, 0, "slip") / 1000 + 2) * 1000;
	return rc;
}

int
load_init(struct load *load, struct db *db, uint64_t seed)
{
	struct arena arena = {0};
	int rc;

	memset(load, 0, sizeof(*load));
	load->state = seed;
	rc = count_users(load, db, &arena);
	if (!rc)
		rc = read_lots(load, db, &arena);
	if (!rc)
		rc = read_slips(load, db, &arena);
	arena_fini(&arena);
	return rc;
}
