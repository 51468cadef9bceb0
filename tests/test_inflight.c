/* SPDX-License-Identifier: MIT
 *
 * Calls while they run, as others see them.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define CHUNK 7u

static atomic_bool stop;

static void *
stream(void *arg)
{
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		MUST(fnt_call_stream_chunk(arg, CHUNK) == FNT_DONE);
	return NULL;
}

/* However fast a call streams, nobody sees a chunk without its bytes. */
START_TEST(bytes_and_chunks_agree)
{
	struct fnt_log *log = open_sized("stream", SMALLEST);
	struct fnt_call *call = begin_call(log, "fn", "streams");
	struct fnt_reader *reader = open_reader("stream");
	uint64_t last = 0;
	unsigned moved = 0;
	pthread_t thread;

	MUST(!pthread_create(&thread, NULL, stream, call));
	for (int i = 0; i < ROUNDS(20000, 2000) || moved < 100; i++) {
		struct fnt_traces *traces = in_flight(reader);
		const struct fnt_trace *trace = &traces->items[0];

		MUST(traces->count == 1);
		MUST(trace->stream_chunks >= last);
		MUST(trace->stream_bytes == trace->stream_chunks * CHUNK);
		moved += trace->stream_chunks > last;
		last = trace->stream_chunks;
		fnt_traces_free(traces);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("inflight", bytes_and_chunks_agree)
