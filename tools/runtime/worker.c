/* SPDX-License-Identifier: MIT */
#include "call.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int
send_outcome(struct host *host, const struct call_outcome *outcome)
{
	struct wire *wire = &host->wire;

	wire_begin(wire, WIRE_RETURN);
	wire_add_int(wire, host->calls_run);
	wire_add(wire, outcome->status);
	wire_add(wire, outcome->value ? outcome->value : outcome->code);
	wire_add(wire, outcome->message ? outcome->message : "");
	if (wire->overflow) {
		wire_begin(wire, WIRE_RETURN);
		wire_add_int(wire, host->calls_run);
		wire_add(wire, "error");
		wire_add(wire, "RESULT_TOO_LARGE");
		wire_add(wire, "the function's value does not fit in a message");
	}
	return wire_send(wire, host->parent_fd);
}

static int
serve_one(struct host *host)
{
	struct arena arena = {0};
	struct call_outcome outcome;
	struct request request;
	int rc;

	if (request_unpack(&request, &host->wire, 0))
		return -1;
	host->calls_run = 0;
	call_run(host, &request, NULL, &arena, &outcome);
	rc = send_outcome(host, &outcome);
	arena_fini(&arena);
	return rc;
}

static int
serve(struct host *host)
{
	wire_begin(&host->wire, WIRE_READY);
	if (wire_send(&host->wire, host->parent_fd))
		return EXIT_FAILURE;
	for (;;) {
		switch (wire_receive(&host->wire, host->parent_fd)) {
		case WIRE_CALL:
			if (serve_one(host))
				return EXIT_FAILURE;
			break;
		case 0:
			return EXIT_SUCCESS;
		default:
			return EXIT_FAILURE;
		}
	}
}

int
worker_main(int parent_fd, const char *db_path, struct fnt_log *log)
{
	struct host *host = calloc(1, sizeof(*host));
	int status = EXIT_FAILURE;

	if (!host) {
		fputs("fntrace-runtime: out of memory\n", stderr);
		return EXIT_FAILURE;
	}
	host->parent_fd = parent_fd;
	host->log = log;
	if (db_open(&host->db, db_path))
		fprintf(stderr, "fntrace-runtime: %s: %s\n", db_path,
			sqlite3_errmsg(host->db.handle));
	else
		status = serve(host);
	db_close(&host->db);
	fnt_log_close(log);
	close(parent_fd);
	free(host);
	return status;
}
