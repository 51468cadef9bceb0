/* SPDX-License-Identifier: MIT
 *
 * fuzz_main.c: a fuzz target without a fuzzer. Feeds it every file that is named, and
 * every file of the directories that are named, and once nothing at all.
 *
 *       fuzz_region tests/data/corpus/region …
 *
 * Each input is a copy of its own size, so that a sanitizer sees a byte too far.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
fail(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return -1;
}

/* How many inputs: 1, or -1. */
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
	free(data);
	return 1;
}

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
	int total = 1;

	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		int fed = feed(argv[i]);

		if (fed < 0)
			return EXIT_FAILURE;
		total += fed;
	}
	printf("%d inputs\n", total);
	return EXIT_SUCCESS;
}
