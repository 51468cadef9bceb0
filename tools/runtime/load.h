/* SPDX-License-Identifier: MIT
 *
 * load.h: the simulated clients of the auction house. The same seed on a new database
 * makes the same requests, except for what depends on the speed of the workers.
 */
#ifndef RUNTIME_LOAD_H
#define RUNTIME_LOAD_H

#include "db.h"
#include "request.h"

#define LOAD_WINDOW 300 /* the newest lots, which clients bid on */

struct load {
	uint64_t state;		     /* of the random generator */
	uint64_t made;		     /* requests so far */
	int64_t users;		     /* number of users: u_0 … */
	int64_t lots;		     /* number of lots: lot-0 … */
	int64_t next_slip;	     /* first slip of the next import */
	int64_t last_import;	     /* first slip of the last import; 0: none yet */
	int64_t prices[LOAD_WINDOW]; /* expected prices of the newest lots */
};

/* Read users, lots and slips from the database. Returns 0 or an SQLite result code. */
int load_init(struct load *load, struct db *db, uint64_t seed);

/* Make the next request. `report` false: not a long report, since one is running. */
void load_next(struct load *load, bool report, struct request *request);

#endif
