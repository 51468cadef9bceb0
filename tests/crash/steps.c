/* SPDX-License-Identifier: MIT */
#include "steps.h"

#include <stdarg.h>
#include <stdio.h>

#include "support/fixture.h"

#define SHORT 3500    /* an act of at most so many instructions is short */
#define ADJACENT 64   /* instructions in a row that belong to one slice */
#define TIMEOUT 2000. /* seconds, of one slice */

struct steps steps = {.slices = 1};

/* ---- arguments ------------------------------------------------------------------- */

static void
refuse(const char *program, const char *argument)
{
	fprintf(stderr, "%s: %s?\nusage: %s [--long] [--seed N] [NAME]...\n", program,
		argument, program);
	exit(2);
}

static uint64_t
parse_seed(const char *program, const char *text)
{
	char *end = NULL;
	uint64_t seed = text ? strtoull(text, &end, 10) : 0;

	if (!text || end == text || *end)
		refuse(program, text ? text : "--seed");
	return seed;
}

static void
parse_arguments(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "--long"))
			steps.is_long = true;
		else if (!strcmp(argv[i], "--seed"))
			steps.seed = parse_seed(argv[0], argv[++i]);
		else
			refuse(argv[0], argv[i]);
	}
	steps.names = argv + i;
	steps.name_count = argc - i;
}

bool
steps_wants(const char *name)
{
	for (int i = 0; i < steps.name_count; i++)
		if (!strcmp(steps.names[i], name))
			return true;
	return !steps.name_count;
}

/* ---- the suite ------------------------------------------------------------------- */

static int
loop_count(const struct steps_test *test)
{
	return steps.is_long ? test->cases * (int)STEPS_SLICES : test->cases_short;
}

int
steps_main(int argc, char **argv, const char *suite, const struct steps_test *tests,
	   size_t count)
{
	SRunner *runner;
	TCase *tcase;
	int status;

	parse_arguments(argc, argv);
	if (SANITIZED || !stepper_works())
		return 77;
	fixture_begin();
	tcase = suite_begin(suite, TIMEOUT, &runner);
	for (size_t i = 0; i < count; i++)
		tcase_add_loop_test(tcase, tests[i].test, 0, loop_count(&tests[i]));
	status = suite_end(runner);
	fixture_end();
	return status;
}

int
steps_case(int i, int cases)
{
	uint64_t number = (uint64_t)i;

	if (!steps.is_long)
		return i;
	number = (number + steps.seed) % ((uint64_t)cases * STEPS_SLICES);
	steps.slices = STEPS_SLICES;
	steps.slice = (uint32_t)(number / (uint64_t)cases);
	return (int)(number % (uint64_t)cases);
}

bool
steps_in_slice(uint64_t at)
{
	return at / ADJACENT % steps.slices == steps.slice;
}

/* ---- the choice of instructions -------------------------------------------------- */

struct steps_choice
steps_choose(void)
{
	return (struct steps_choice){.is_all = steps.is_long, .random = steps.seed + 1};
}

/* Of the instructions that do not change the region, take one in so many. */
static uint32_t
spacing(const struct step_trace *trace, bool is_all)
{
	if (trace->count <= SHORT)
		return is_all ? 1 : 25;
	return trace->count / (is_all ? 2000 : 16);
}

/* Every state of the region is tried once: after each instruction that changed it, and
 * around each system call. Two kinds are sampled, as there are many that are alike:
 * writes of text, and the system calls of a long act, which are the kernel's and
 * libc's. Other instructions are tried at random. */
static bool
is_chosen(struct steps_choice *choice, const struct step_trace *trace, uint32_t k)
{
	const struct step_point *next = &trace->points[k], *last = next - 1;
	struct rnd r = {choice->random};
	bool is_all = choice->is_all;
	uint32_t one_in = spacing(trace, is_all);

	if (k && last->wrote)
		one_in = is_all || !last->minor ? 1 : 1 + trace->writes / 50;
	else if ((k && last->system) || (k < trace->count && next->system))
		one_in = is_all || trace->count < SHORT ? 1 : 4;
	if (!k || k == trace->count)
		one_in = 1;
	one_in = rnd(&r, one_in);
	choice->random = r.state;
	return !one_in && steps_is_mine(choice);
}

bool
steps_next(struct steps_choice *choice, const struct step_trace *trace)
{
	while (choice->next <= trace->count) {
		choice->k = choice->next++;
		if (is_chosen(choice, trace, choice->k))
			return true;
	}
	return false;
}

bool
steps_is_mine(struct steps_choice *choice)
{
	return choice->chosen++ % steps.slices == steps.slice;
}

/* ---- a child --------------------------------------------------------------------- */

void
steps_spawn(struct stepper *stepper, const char *name, void (*run)(void *arg),
	    void *arg)
{
	if (!stepper_spawn(stepper, run, arg))
		ck_abort_msg("%s: the child ended: 0x%x", name, stepper->status);
}

void
steps_kill_at(struct stepper *stepper, const struct step_trace *trace, uint32_t k)
{
	steps.misses += !stepper_goto(stepper, trace, k);
	stepper_kill(stepper);
	steps.kills++;
}

/* ---- what was tried -------------------------------------------------------------- */

void
steps_tell(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("# ");
	vprintf(format, args);
	va_end(args);
	if (steps.slices > 1)
		printf(" (%u of %u)", steps.slice + 1, steps.slices);
	printf("\n");
	fflush(stdout);
}

void
steps_tell_kills(const char *name, const struct step_trace *trace)
{
	steps_tell("%-22s %5u instructions, %3u writes, %2u system calls: "
		   "%lu kills, %lu past the end",
		   name, trace->count, trace->writes, trace->systems, steps.kills,
		   steps.misses);
	steps.kills = steps.misses = 0;
}
