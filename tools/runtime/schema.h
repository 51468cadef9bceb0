/* SPDX-License-Identifier: MIT
 *
 * schema.h: the auction house's tables, and what is in them on the first day.
 */
#ifndef RUNTIME_SCHEMA_H
#define RUNTIME_SCHEMA_H

#include "db.h"

/* Make the tables where they are not there, fill them where they are empty. 0 or an
 * SQLite result code. */
int schema_create(struct db *db);

#endif
