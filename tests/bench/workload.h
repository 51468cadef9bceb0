/* SPDX-License-Identifier: MIT
 *
 * workload.h: what every peer records of a call, as a function runtime has it: id
 * strings in memory that differ from call to call, eight functions, a few entities.
 * Each thread has a workload of its own; nothing here is shared.
 */
#ifndef FNT_BENCH_WORKLOAD_H
#define FNT_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define WORKLOAD_CALLS 256u
#define WORKLOAD_USERS 16u
#define WORKLOAD_FNS 8u

struct workload {
	char call_id[WORKLOAD_CALLS][16]; /* "c_1234567" */
	char row_id[WORKLOAD_CALLS][32];  /* "18eab5a9d61c98d700000012", 24 bytes */
	char user_id[WORKLOAD_USERS][16]; /* "user_12" */
	/* Names as they are in messages: the same names, at other addresses. */
	struct workload_message {
		char fn[16], get[16], insert[16];
	} message[WORKLOAD_CALLS];
	/* "0190163d-8694-739b-aea5-966c26f8ad91" */
	struct workload_uuids {
		char call_id[40], row_id[40], user_id[40];
	} uuids[WORKLOAD_CALLS];
};

static const char *const workload_fns[WORKLOAD_FNS] = {
	"placeBid", "openLot",	"browse", "narrate",
	"closeLot", "watchLot", "sweep",  "settle",
};

/* Fill `text` with 4 to `size` - 1 letters; the length is random. */
static inline void
workload_vary(char *text, unsigned size, uint64_t *random)
{
	unsigned len;

	*random = *random * 6364136223846793005u + 1442695040888963407u;
	len = 4 + (unsigned)(*random >> 33) % (size - 4);
	for (unsigned i = 0; i < len; i++)
		text[i] = (char)('a' + (i + len) % 26);
	text[len] = '\0';
}

static inline void
workload_uuid(char text[40], uint64_t *random)
{
	uint32_t parts[4];

	for (unsigned i = 0; i < 4; i++) {
		*random = *random * 6364136223846793005u + 1442695040888963407u;
		parts[i] = (uint32_t)(*random >> 32);
	}
	snprintf(text, 40, "%08x-%04x-7%03x-%04x-%04x%08x", parts[0], parts[1] >> 16,
		 parts[1] & 0xfff, 0x8000 | (parts[2] >> 16 & 0x3fff),
		 parts[2] & 0xffff, parts[3]);
}

/* `thread` makes the ids differ between threads. `vary`: ids of random length. */
static inline void
workload_init(struct workload *work, unsigned thread, bool vary)
{
	uint64_t random = thread;

	for (unsigned i = 0; i < WORKLOAD_CALLS; i++) {
		snprintf(work->call_id[i], sizeof(work->call_id[i]), "c_%u",
			 1000000 + thread * WORKLOAD_CALLS + i);
		snprintf(work->row_id[i], sizeof(work->row_id[i]),
			 "18eab5a9d61c%04x%08x", thread, i);
	}
	for (unsigned i = 0; i < WORKLOAD_USERS; i++)
		snprintf(work->user_id[i], sizeof(work->user_id[i]), "user_%u", 10 + i);
	for (unsigned i = 0; i < WORKLOAD_CALLS; i++) {
		strcpy(work->message[i].fn, workload_fns[i % WORKLOAD_FNS]);
		strcpy(work->message[i].get, i % 3 ? "Lot" : "Auction");
		strcpy(work->message[i].insert, i % 5 ? "Bid" : "User");
	}
	for (unsigned i = 0; i < WORKLOAD_CALLS; i++) {
		workload_uuid(work->uuids[i].call_id, &random);
		workload_uuid(work->uuids[i].row_id, &random);
		workload_uuid(work->uuids[i].user_id, &random);
	}
	for (unsigned i = 0; vary && i < WORKLOAD_CALLS; i++) {
		workload_vary(work->call_id[i], sizeof(work->call_id[i]), &random);
		workload_vary(work->row_id[i], sizeof(work->row_id[i]), &random);
		workload_vary(work->user_id[i % WORKLOAD_USERS],
			      sizeof(work->user_id[0]), &random);
	}
}

static inline const char *
workload_call_id(const struct workload *work, uint64_t i)
{
	return work->call_id[i % WORKLOAD_CALLS];
}

static inline const char *
workload_row_id(const struct workload *work, uint64_t i)
{
	return work->row_id[i % WORKLOAD_CALLS];
}

static inline const char *
workload_user_id(const struct workload *work, uint64_t i)
{
	return work->user_id[i % WORKLOAD_USERS];
}

static inline const char *
workload_fn(uint64_t i)
{
	return workload_fns[i % WORKLOAD_FNS];
}

#endif
