/* SPDX-License-Identifier: MIT
 *
 * load.h: the auction house's clients, made up: who wants what next. The same seed on a
 * new database makes the same requests, but for what depends on the workers' speed.
 */
#ifndef RUNTIME_LOAD_H
#define RUNTIME_LOAD_H

#include "db.h"
#include "request.h"

#define LOAD_WINDOW 300 /* the newest lots, which people bid on */

struct load {
	uint64_t state;		     /* of the generator */
	uint64_t made;		     /* requests so far */
	int64_t users;		     /* u_0 … */
	int64_t lots;		     /* lot-0 … are open or have been */
	int64_t next_slip;	     /* of the next import */
	int64_t last_import;	     /* first slip of the last one; 0: none yet */
	int64_t prices[LOAD_WINDOW]; /* what the last bids should have come to */
};

/* Begin with what is in the database. 0 or an SQLite result code. */
int load_init(struct load *load, struct db *db, uint64_t seed);

/* The next request. `report` false: no long report (there is one running). */
void load_next(struct load *load, bool report, struct request *request);

#endif
