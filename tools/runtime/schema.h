/* SPDX-License-Identifier: MIT
 *
 * schema.h: the tables of the auction house and their initial data.
 */
#ifndef RUNTIME_SCHEMA_H
#define RUNTIME_SCHEMA_H

#include "db.h"

/* Create missing tables, and fill them if there are no users. Returns 0 or an SQLite
 * result code. */
int schema_create(struct db *db);

#endif
