/* SPDX-License-Identifier: MIT */
#include "bench_args.h"

#include <stdlib.h>
#include <string.h>

static bool
parse_text(struct bench_options *options, const char *name, const char *text)
{
	const struct {
		const char *name;
		const char **to;
	} texts[] = {{"shape", &options->shape},
		     {"region", &options->region},
		     {"program", &options->program}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strcmp(texts[i].name, name))
			continue;
		*texts[i].to = text;
		return true;
	}
	return false;
}

static bool
parse_number(struct bench_options *options, const char *name, const char *text)
{
	const struct {
		const char *name;
		unsigned *to;
		uint64_t *large;
	} numbers[] = {{"threads", &options->threads, NULL},
		       {"processes", &options->processes, NULL},
		       {"readers", &options->readers, NULL},
		       {"elsewhere", &options->elsewhere, NULL},
		       {"raw", &options->raw, NULL},
		       {"raw_ns", &options->raw_ns, NULL},
		       {"raw_evict", &options->raw_evict, NULL},
		       {"scans", &options->scans, NULL},
		       {"ops", &options->ops, NULL},
		       {"chunks", &options->chunks, NULL},
		       {"vary", &options->vary, NULL},
		       {"batch_ms", &options->batch_ms, NULL},
		       {"latency", &options->latency, NULL},
		       {"tries", &options->tries, NULL},
		       {"value", NULL, &options->value_bytes},
		       {"size", NULL, &options->size_bytes},
		       {"fill", NULL, &options->fill}};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t value = strtoull(text, NULL, 10);

		if (strcmp(numbers[i].name, name))
			continue;
		if (numbers[i].to)
			*numbers[i].to = (unsigned)value;
		else
			*numbers[i].large = value;
		return true;
	}
	return false;
}

int
bench_args(int argc, char **argv, struct bench_options *options)
{
	*options = (struct bench_options){.shape = "call",
					  .region = "bench",
					  .program = "",
					  .threads = 1,
					  .processes = 1,
					  .ops = 2,
					  .batch_ms = 2,
					  .tries = 10};
	for (int i = 1; i + 1 < argc; i += 2)
		if (!parse_text(options, argv[i], argv[i + 1]) &&
		    !parse_number(options, argv[i], argv[i + 1]))
			return fprintf(stderr, "bench: no such option: %s\n", argv[i]),
			       -1;
	if (argc % 2 == 0 || bench_threads(options) > BENCH_THREADS_MAX)
		return fprintf(stderr, "bench: options come in pairs: NAME VALUE …\n"),
		       -1;
	return 0;
}
