/* SPDX-License-Identifier: MIT */
#include "kills.h"

#include <stdarg.h>
#include <stdio.h>

#include "support/fixture.h"

#define SHORT 3500    /* a way up to this is short */
#define STRETCH 64    /* instructions */
#define TIMEOUT 2000. /* seconds, of one slice */

/* ---- arguments ------------------------------------------------------------------- */

static void
refuse(const char *program, const char *argument)
{
	fprintf(stderr, "%s: %s?\nusage: %s [--long] [--seed N] [NAME]...\n", program,
		argument, program);
	exit(2);
}

static uint64_t
take_seed(const char *program, const char *text)
{
	char *end = NULL;
	uint64_t seed = text ? strtoull(text, &end, 10) : 0;

	if (!text || end == text || *end)
		refuse(program, text ? text : "--seed");
	return seed;
}

void
kills_init(struct kills *kills, int argc, char **argv)
{
	int i = 1;

	*kills = (struct kills){.slices = 1};
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--long"))
			kills->is_long = true;
		else if (!strcmp(argv[i], "--seed"))
			kills->seed = take_seed(argv[0], argv[++i]);
		else
			refuse(argv[0], argv[i]);
	}
	kills->names = argv + i;
	kills->name_count = argc - i;
}

bool
kills_wants(const struct kills *kills, const char *name)
{
	for (int i = 0; i < kills->name_count; i++)
		if (!strcmp(kills->names[i], name))
			return true;
	return !kills->name_count;
}

/* ---- the suite ------------------------------------------------------------------ */

int
kills_run(const struct kills *kills, const char *name, const struct suite_test *tests,
	  size_t count)
{
	SRunner *runner;
	TCase *tcase;
	int status;

	if (SANITIZED || !stepper_works())
		return 77;
	fixture_begin();
	tcase = suite_begin(name, TIMEOUT, &runner);
	for (size_t i = 0; i < count; i++)
		tcase_add_loop_test(tcase, tests[i].test, 0,
				    tests[i].turns *
					    (int)(kills->is_long ? KILLS_SLICES : 1));
	status = suite_end(runner);
	fixture_end();
	return status;
}

int
kills_turn(struct kills *kills, int i, int turns)
{
	uint64_t turn = (uint64_t)i;

	if (!kills->is_long)
		return i;
	turn = (turn + kills->seed) % ((uint64_t)turns * KILLS_SLICES);
	kills->slices = KILLS_SLICES;
	kills->slice = (uint32_t)(turn / (uint64_t)turns);
	return (int)(turn % (uint64_t)turns);
}

bool
kills_in_stretch(const struct kills *kills, uint64_t at)
{
	return at / STRETCH % kills->slices == kills->slice;
}

/* ---- where ----------------------------------------------------------------------- */

struct kills_choice
kills_choose(const struct kills *kills)
{
	return (struct kills_choice){kills->is_long, kills->seed + 1, kills->slice,
				     kills->slices, 0};
}

/* One instruction in how many, of those that leave the region as it was. */
static uint32_t
spacing(const struct step_trace *way, bool is_all)
{
	if (way->count <= SHORT)
		return is_all ? 1 : 25;
	return way->count / (is_all ? 2000 : 16);
}

/* The region's every state once, and by chance once more: after each instruction that
 * changed it, and around each system call. Of the words of texts some, of the system
 * calls of a long way, which are the kernel's and libc's, some. */
bool
kills_chosen(struct kills_choice *choice, const struct step_trace *way, uint32_t k)
{
	const struct step_point *next = &way->points[k], *last = next - 1;
	struct rnd r = {choice->random};
	bool is_all = choice->is_all;
	uint32_t one_in = spacing(way, is_all);

	if (k && last->wrote)
		one_in = is_all || !last->minor ? 1 : 1 + way->writes / 50;
	else if ((k && last->system) || (k < way->count && next->system))
		one_in = is_all || way->count < SHORT ? 1 : 4;
	if (!k || k == way->count)
		one_in = 1;
	one_in = rnd(&r, one_in);
	choice->random = r.state;
	return !one_in && kills_mine(choice);
}

bool
kills_mine(struct kills_choice *choice)
{
	return choice->chosen++ % choice->slices == choice->slice;
}

void
kills_tell(const struct kills *kills, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	va_end(args);
	if (kills->slices > 1)
		printf(" (%u of %u)", kills->slice + 1, kills->slices);
	printf("\n");
	fflush(stdout);
}
