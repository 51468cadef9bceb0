/* SPDX-License-Identifier: MIT
 *
 * thread_table.h: the calling thread's parts of all attachments that it uses, by the
 * attachment's id: an open-addressed table, private to the thread.
 *
 * Ids are never used again, so entries of closed logs are harmless. They are left out
 * when the table grows.
 *
 * Progress: finding is wait-free. Adding may allocate. A thread without memory for a
 * larger table keeps the one it has: then it finds parts that are not in it in their
 * attachment's list.
 */
#ifndef FNT_PRODUCE_THREAD_TABLE_H
#define FNT_PRODUCE_THREAD_TABLE_H

#include "produce/thread.h"

/* The calling thread's part of the attachment; NULL: not in the table. */
struct fnt_thread *fnt_thread_table_find(const struct fnt_attachment *attachment);

/* Add a part. Inside a read-side section. */
void fnt_thread_table_add(const struct fnt_attachment *attachment,
			  struct fnt_thread *thread);

/* Has a part been left out, because there was no memory? */
bool fnt_thread_table_is_full(void);

/* Forget all parts. */
void fnt_thread_table_clear(void);

/* The thread ends. */
void fnt_thread_table_free(void);

#endif
