/* SPDX-License-Identifier: MIT
 *
 * The host's side of `fntrace tap -- bench_echo`, or of bench_echo alone where
 * `program` is empty. Shapes:
 *
 *      one     a call and its return, one at a time: ns for each message
 *      window  128 calls at once, then their returns: ns for each message
 *      large   a call that asks for a result of `value` bytes: ns, and MB/s
 *      message a call of 200 bytes and its return: the median of the way through, and
 *              the processor time of what lies between, for each message
 *
 * `program` may also be "cat" or "tee": two of them in place of the tap.
 */
#include "bench.h"
#include "bench_relays.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW 128u

static int to_child, from_child;
static char *result;
static size_t result_len;
static uint64_t last_id;
static uint64_t calls_of_batch;
static pid_t child;
static bool padded; /* calls have 200 bytes */

/* ---- the child ------------------------------------------------------------------ */

static void
exec_child(const struct bench_options *options)
{
	char echo[4096], *mode;
	ssize_t len = readlink("/proc/self/exe", echo, sizeof(echo) - 16);

	if (len < 0)
		_exit(127);
	echo[len] = '\0';
	strcpy(strrchr(echo, '/') + 1, "bench_echo");
	mode = strcmp(options->shape, "large") ? "return" : "ask";
	if (!strcmp(options->program, "cat"))
		execl("/bin/sh", "sh", "-c", "cat | \"$0\" return | cat", echo, NULL);
	else if (!strcmp(options->program, "tee"))
		execl("/bin/sh", "sh", "-c",
		      "tee /dev/null | \"$0\" return | tee /dev/null", echo, NULL);
	else if (options->program[0])
		execl(options->program, options->program, "tap", "-r", options->region,
		      "--", echo, mode, NULL);
	else
		execl(echo, echo, mode, NULL);
	perror("bench: exec");
	_exit(127);
}

static int
start_child(const struct bench_options *options)
{
	int in[2], out[2];

	if (pipe(in) || pipe(out))
		return -1;
	child = fork();
	if (child == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		close(out[0]);
		exec_child(options);
	}
	close(in[0]);
	close(out[1]);
	to_child = in[1];
	from_child = out[0];
	return 0;
}

/* ---- messages ------------------------------------------------------------------- */

static void
send_all(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t got = write(to_child, bytes, len);

		if (got <= 0)
			abort();
		bytes += got;
		len -= (size_t)got;
	}
}

/* Read until `lines` lines have come. */
static void
receive_lines(unsigned lines)
{
	static char in[1 << 16];

	while (lines > 0) {
		ssize_t got = read(from_child, in, sizeof(in));

		if (got <= 0)
			abort();
		for (ssize_t i = 0; i < got; i++)
			lines -= in[i] == '\n';
	}
}

static size_t
put_call(char *at)
{
	return (size_t)sprintf(
		at,
		"{\"type\":\"call\",\"call_id\":\"c_%08llu\",\"fn_name\":\"browse\","
		"\"fn_type\":\"query\",\"args\":{\"n\":20,\"title\":\"lot-4%s\"},"
		"\"auth\":{\"user_id\":\"user_12\",\"roles\":[\"admin\"]}}\n",
		(unsigned long long)++last_id,
		padded ? ", with all that belongs to it, and more of that kind" : "");
}

static void
send_calls(unsigned count)
{
	static char out[WINDOW * 256];
	size_t len = 0;

	for (unsigned i = 0; i < count; i++)
		len += put_call(out + len);
	send_all(out, len);
}

/* A result of as many rows as make `bytes` bytes. */
static void
make_result(uint64_t bytes)
{
	static const char row[] = "{\"id\":\"000000000000000018eab5a9\",\"price\":10,"
				  "\"title\":\"a \\\"lot\\\" of things\"},";
	char *at;

	result = malloc(bytes + 512);
	if (!result)
		abort();
	at = result + sprintf(result,
			      "{\"type\":\"result\",\"call_id\":\"c_%08d\","
			      "\"op_id\":\"c_%08d#1\",\"data\":[",
			      0, 0);
	while ((uint64_t)(at - result) < bytes)
		at = stpcpy(at, row);
	at = stpcpy(at - 1, "]}\n");
	result_len = (size_t)(at - result);
}

static void
send_result(void)
{
	char id[16];

	snprintf(id, sizeof(id), "%08llu", (unsigned long long)last_id);
	memcpy(strstr(result, "\"call_id\":\"c_") + 13, id, 8);
	memcpy(strstr(result, "\"op_id\":\"c_") + 11, id, 8);
	send_all(result, result_len);
}

/* ---- batches -------------------------------------------------------------------- */

static void
run_one(void *state, uint64_t calls)
{
	(void)state;
	for (uint64_t i = 0; i < calls; i++) {
		send_calls(1);
		receive_lines(1);
	}
}

static void
run_window(void *state, uint64_t calls)
{
	(void)state;
	for (uint64_t i = 0; i < calls; i++) {
		send_calls(WINDOW);
		receive_lines(WINDOW);
	}
}

static void
run_large(void *state, uint64_t calls)
{
	(void)state;
	for (uint64_t i = 0; i < calls; i++) {
		send_calls(1);
		receive_lines(1);
		send_result();
		receive_lines(1);
	}
}

static int
by_size(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

/* One call at a time, each timed by itself. */
static void
measure_message(const struct bench_options *options, FILE *out)
{
	static uint64_t *took;
	uint64_t begin, busy;

	padded = true;
	if (!took) {
		calls_of_batch = bench_calibrate(run_one, NULL, options->batch_ms);
		took = malloc(calls_of_batch * sizeof(*took));
		if (!took)
			abort();
	}
	busy = bench_relays_ns(child);
	for (uint64_t i = 0; i < calls_of_batch; i++) {
		begin = bench_clock(CLOCK_MONOTONIC);
		run_one(NULL, 1);
		took[i] = bench_clock(CLOCK_MONOTONIC) - begin;
	}
	busy = bench_relays_ns(child) - busy;
	qsort(took, calls_of_batch, sizeof(*took), by_size);
	fprintf(out, "p50=%.1f busy=%.1f", (double)took[calls_of_batch / 2] / 2,
		(double)busy / 2 / (double)calls_of_batch);
}

static void
measure(const struct bench_options *options, FILE *out)
{
	void (*run)(void *, uint64_t) = run_one;
	double messages = 2, ns;
	uint64_t begin;

	if (!strcmp(options->shape, "message")) {
		measure_message(options, out);
		return;
	}
	if (!strcmp(options->shape, "window")) {
		run = run_window;
		messages = 2 * WINDOW;
	} else if (!strcmp(options->shape, "large")) {
		run = run_large;
		messages = 1;
	}
	if (!calls_of_batch)
		calls_of_batch = bench_calibrate(run, NULL, options->batch_ms);
	begin = bench_clock(CLOCK_MONOTONIC);
	run(NULL, calls_of_batch);
	ns = (double)(bench_clock(CLOCK_MONOTONIC) - begin) / (double)calls_of_batch;
	fprintf(out, "ns=%.1f", ns / messages);
	if (run == run_large)
		fprintf(out, " mb_s=%.1f", (double)result_len * 1e3 / ns);
	else
		fprintf(out, " per_s=%.0f", messages * 1e9 / ns);
}

static int
process_init(const struct bench_options *options, unsigned process)
{
	(void)process;
	make_result(options->value_bytes ? options->value_bytes : 1 << 20);
	return start_child(options);
}

static void
process_fini(void)
{
	close(to_child);
	close(from_child);
	wait(NULL);
}

static const struct bench_peer *
choose(const struct bench_options *options)
{
	static const struct bench_peer peer = {.process_init = process_init,
					       .process_fini = process_fini,
					       .measure = measure};

	(void)options;
	return &peer;
}

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, choose);
}
