/* SPDX-License-Identifier: MIT
 *
 * fuzz_main.c: runs a fuzz target without a fuzzer. Feeds it each file named, each file
 * of each directory named, and an empty input; then COUNT inputs made by damaging
 * those, the same ones in every run. The coverage-guided fuzzers are in tests/soak.
 *
 *       fuzz_region COUNT tests/fuzz/corpus/region …
 *
 * Each input is a copy of exactly its size, so that a sanitizer reports a read behind
 * it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEPT 1024 /* inputs that damaged ones are made of */
#define DAMAGES 8
#define LARGEST 8192u

static struct {
	uint8_t *data;
	size_t size;
} kept[KEPT];
static size_t kept_count;

static int
fail(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return -1;
}

/* Returns the number of inputs run, 1; or -1. */
static int
feed_file(const char *path, long size)
{
	uint8_t *data = malloc(size ? (size_t)size : 1);
	FILE *file = fopen(path, "rb");
	size_t got = data && file ? fread(data, 1, (size_t)size, file) : 0;
	int failed = !data || !file || got != (size_t)size;

	if (file)
		fclose(file);
	if (failed) {
		free(data);
		return fail(path);
	}
	LLVMFuzzerTestOneInput(data, got);
	if (kept_count < KEPT && got <= LARGEST / 2) {
		kept[kept_count].data = data;
		kept[kept_count++].size = got;
	} else {
		free(data);
	}
	return 1;
}

/* ---- damage ---------------------------------------------------------------------- */

/* xorshift64* (Vigna 2016). */
static size_t
rnd(uint64_t *state, size_t below)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (size_t)((*state * 0x2545f4914f6cdd1du >> 32) % below);
}

/* Change a byte or a bit, cut the end, or copy a part of another input. Returns the new
 * size. */
static size_t
damage(uint8_t *data, size_t size, uint64_t *state)
{
	static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xc1, 0xff};
	size_t at = rnd(state, size), other = rnd(state, kept_count), some;

	switch (rnd(state, 4)) {
	case 0:
		data[at] = edges[rnd(state, sizeof(edges))];
		return size;
	case 1:
		data[at] ^= (uint8_t)(1u << rnd(state, 8));
		return size;
	case 2:
		return rnd(state, 4) ? size : at;
	default:
		some = kept[other].size;
		if (some > LARGEST - at)
			some = LARGEST - at;
		if (some)
			memcpy(data + at, kept[other].data, some);
		return at + some > size ? at + some : size;
	}
}

static void
feed_damaged(uint64_t *state)
{
	size_t from = rnd(state, kept_count), size = kept[from].size;
	uint8_t room[LARGEST], *exact;

	memcpy(room, kept[from].data, size);
	for (size_t i = 0, count = 1 + rnd(state, DAMAGES); size && i < count; i++)
		size = damage(room, size, state);
	exact = malloc(size ? size : 1);
	if (!exact)
		abort();
	memcpy(exact, room, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

/* ---- files ----------------------------------------------------------------------- */

static int feed(const char *path);

static int
feed_directory(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort), fed = 0;

	if (count < 0)
		return fail(path);
	for (int i = 0; i < count; i++) {
		char inner[4096];
		int one = 0;

		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && fed >= 0)
			one = feed(inner);
		fed = one < 0 || fed < 0 ? -1 : fed + one;
		free(entries[i]);
	}
	free(entries);
	return fed;
}

static int
feed(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return fail(path);
	return S_ISDIR(st.st_mode) ? feed_directory(path) : feed_file(path, st.st_size);
}

int
main(int argc, char **argv)
{
	long damaged = argc > 1 ? atol(argv[1]) : 0;
	uint64_t state = 0x9e3779b97f4a7c15u;
	int total = 1;

	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 2; i < argc; i++) {
		int fed = feed(argv[i]);

		if (fed < 0)
			return EXIT_FAILURE;
		total += fed;
	}
	for (long i = 0; kept_count && i < damaged; i++)
		feed_damaged(&state);
	printf("%ld inputs\n", total + damaged);
	for (size_t i = 0; i < kept_count; i++)
		free(kept[i].data);
	return EXIT_SUCCESS;
}
