/* SPDX-License-Identifier: MIT */
#include "schema.h"

/* clang-format off */
static const char tables[] =
	"CREATE TABLE IF NOT EXISTS user ("
	"  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,"
	"  balance INTEGER NOT NULL"
	"    CONSTRAINT balance_not_negative CHECK (balance >= 0));"
	"CREATE TABLE IF NOT EXISTS lot ("
	"  id TEXT PRIMARY KEY, title TEXT NOT NULL UNIQUE, category TEXT NOT NULL,"
	"  seller TEXT NOT NULL REFERENCES user (id), about TEXT NOT NULL,"
	"  price INTEGER NOT NULL CHECK (price > 0),"
	"  status TEXT NOT NULL DEFAULT 'open', opened_at INTEGER NOT NULL);"
	"CREATE INDEX IF NOT EXISTS lot_opened ON lot (status, opened_at);"
	"CREATE INDEX IF NOT EXISTS lot_category ON lot (category);"
	"CREATE TABLE IF NOT EXISTS bid ("
	"  id TEXT PRIMARY KEY, ref TEXT UNIQUE,"
	"  lot TEXT NOT NULL REFERENCES lot (id),"
	"  bidder TEXT NOT NULL REFERENCES user (id),"
	"  amount INTEGER NOT NULL, placed_at INTEGER NOT NULL);"
	"CREATE INDEX IF NOT EXISTS bid_amount ON bid (lot, amount);"
	"CREATE TABLE IF NOT EXISTS watch ("
	"  lot TEXT NOT NULL REFERENCES lot (id),"
	"  user TEXT NOT NULL REFERENCES user (id),"
	"  PRIMARY KEY (lot, user)) WITHOUT ROWID;"
	"CREATE VIRTUAL TABLE IF NOT EXISTS lot_words"
	"  USING fts5 (lot UNINDEXED, words);"
	"CREATE TRIGGER IF NOT EXISTS lot_indexed AFTER INSERT ON lot BEGIN"
	"  INSERT INTO lot_words (lot, words)"
	"    VALUES (new.id, new.title || ' ' || new.category || ' ' || new.about);"
	"END;";

/* 240 users, 300 lots, 12,000 bids. They vary by arithmetic, not by chance, so that the
 * data is the same on every machine. */
static const char initial_data[] =
	"WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 239)"
	"INSERT INTO user (id, name, tenant, balance)"
	"  SELECT 'u_' || i, 'user-' || i, 't_' || (i % 4), 400 + i * 7919 % 2600"
	"    FROM n;"
	"WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299)"
	"INSERT INTO lot (id, title, category, seller, about, price, opened_at)"
	"  SELECT 'l_' || i, 'lot-' || i,"
	"    CASE i % 6 WHEN 0 THEN 'clocks' WHEN 1 THEN 'maps' WHEN 2 THEN 'chairs'"
	"      WHEN 3 THEN 'lamps' WHEN 4 THEN 'prints' ELSE 'radios' END,"
	"    'u_' || (i * 31 % 240),"
	"    CASE i % 5 WHEN 0 THEN 'oak, one owner' WHEN 1 THEN 'brass, restored'"
	"      WHEN 2 THEN 'signed, with frame' WHEN 3 THEN 'small chip, working'"
	"      ELSE 'rare, boxed' END,"
	"    5 + i * 37 % 90, unixepoch() * 1000 - i * 1000 FROM n;"
	"WITH RECURSIVE n (i) AS"
	"  (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 11999)"
	"INSERT INTO bid (id, lot, bidder, amount, placed_at)"
	"  SELECT 'b_' || i, 'l_' || (i % 300), 'u_' || (i * 53 % 240),"
	"    1 + i / 400 + i * 7919 % 61, unixepoch() * 1000 - (12000 - i) * 500"
	"    FROM n;"
	"UPDATE lot SET price = 1 +"
	"  max(price, (SELECT coalesce(max(amount), 0) FROM bid WHERE lot = lot.id));";

/* clang-format on */

int
schema_create(struct db *db)
{
	struct arena arena = {0};
	struct rows rows;
	int rc;

	rc = db_control(db, "BEGIN IMMEDIATE");
	if (rc)
		return rc;
	rc = db_script(db, tables);
	if (!rc)
		rc = db_run(db, &arena, "SELECT 1 FROM user LIMIT 1", NO_VALUES, &rows);
	if (!rc && !rows.count)
		rc = db_script(db, initial_data);
	arena_fini(&arena);
	if (rc) {
		db_control(db, "ROLLBACK");
		return rc;
	}
	return db_control(db, "COMMIT");
}
