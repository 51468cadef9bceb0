/* SPDX-License-Identifier: MIT */
#include "stepper.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/suite.h"

#define BREAKPOINT 0xccu
#define SYSCALL 0x050fu
#define RDTSC 0x310fu
#define RDTSCP 0xf9010fu
#define PLACE offsetof(struct user_regs_struct, rip)

#define TRACE_MAX 2000000u /* instructions of an act */

/* The address of the breakpoint in stepper_end. A stop there is the end of the act. */
extern const char stepper_end_mark[];

void
stepper_begin(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(98);
	__asm__ volatile("int3" ::: "memory");
}

__attribute__((noinline)) void
stepper_end(void)
{
	__asm__ volatile(".globl stepper_end_mark\nstepper_end_mark:\n\tint3" ::
				 : "memory");
}

/* ---- the child's stops ----------------------------------------------------------- */

static uint64_t
code_at(const struct stepper *stepper, uint64_t place)
{
	return (uint64_t)ptrace(PTRACE_PEEKTEXT, stepper->tid, place, NULL);
}

static void
read_place(struct stepper *stepper)
{
	stepper->place = (uint64_t)ptrace(PTRACE_PEEKUSER, stepper->tid, PLACE, NULL);
	stepper->code = code_at(stepper, stepper->place);
}

/* False: the thread has ended. */
static bool
wait_stop(struct stepper *stepper)
{
	int status;

	if (waitpid(stepper->tid, &status, __WALL) == stepper->tid &&
	    WIFSTOPPED(status)) {
		read_place(stepper);
		if (WSTOPSIG(status) != SIGTRAP)
			ck_abort_msg("child stopped by signal %d at 0x%llx",
				     WSTOPSIG(status),
				     (unsigned long long)stepper->place);
		return true;
	}
	stepper->gone = true;
	stepper->status = status;
	return false;
}

static bool
resume(struct stepper *stepper, int how)
{
	if (ptrace(how, stepper->tid, NULL, NULL)) {
		stepper->gone = true;
		return false;
	}
	return wait_stop(stepper);
}

bool
stepper_spawn(struct stepper *stepper, void (*run)(void *arg), void *arg)
{
	int status;

	memset(stepper, 0, sizeof(*stepper));
	fflush(NULL);
	stepper->pid = fork();
	MUST(stepper->pid >= 0);
	if (!stepper->pid) {
		run(arg);
		_exit(0);
	}
	/* Any of the child's threads may be the one that stops. */
	stepper->tid = waitpid(-1, &status, __WALL);
	MUST(stepper->tid > 0);
	if (!WIFSTOPPED(status)) {
		stepper->gone = true;
		stepper->status = status;
		return false;
	}
	MUST(!ptrace(PTRACE_SETOPTIONS, stepper->tid, NULL, PTRACE_O_EXITKILL));
	read_place(stepper);
	return true;
}

static bool
at_end(const struct stepper *stepper)
{
	uint64_t mark = (uintptr_t)stepper_end_mark;

	return stepper->place == mark || stepper->place == mark + 1;
}

/* Emulate rdtsc and rdtscp with a clock in which an instruction takes nanoseconds. By
 * the real clock a stepped act would take other paths than one at full speed. False if
 * the next instruction is another one. */
static bool
emulate_clock(struct stepper *stepper)
{
	bool short_form = (stepper->code & 0xffff) == RDTSC;
	struct user_regs_struct regs;

	stepper->time += 8;
	if (!short_form && (stepper->code & 0xffffff) != RDTSCP)
		return false;
	MUST(!ptrace(PTRACE_GETREGS, stepper->tid, NULL, &regs));
	regs.rax = stepper->time & UINT32_MAX;
	regs.rdx = stepper->time >> 32;
	if (!short_form)
		regs.rcx = 0;
	regs.rip += short_form ? 2 : 3;
	MUST(!ptrace(PTRACE_SETREGS, stepper->tid, NULL, &regs));
	read_place(stepper);
	return true;
}

bool
stepper_step(struct stepper *stepper)
{
	if (stepper->gone)
		return false;
	if (!stepper->time)
		stepper->time = __builtin_ia32_rdtsc();
	if (!emulate_clock(stepper) && !resume(stepper, PTRACE_SINGLESTEP))
		return false;
	stepper->at++;
	return !at_end(stepper);
}

void
stepper_finish(struct stepper *stepper)
{
	while (!stepper->gone && !at_end(stepper))
		resume(stepper, PTRACE_CONT);
}

bool
stepper_release(struct stepper *stepper)
{
	uint64_t past = (uintptr_t)stepper_end_mark + 1;
	int status = 0;

	/* Skip the breakpoint: once detached, its trap would be a signal. */
	if (!stepper->gone && at_end(stepper))
		MUST(!ptrace(PTRACE_POKEUSER, stepper->tid, PLACE, past));
	if (!stepper->gone)
		MUST(!ptrace(PTRACE_DETACH, stepper->tid, NULL, NULL));
	MUST(waitpid(stepper->pid, &status, __WALL) == stepper->pid);
	stepper->status = status;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

void
stepper_kill(struct stepper *stepper)
{
	pid_t pid;

	kill(stepper->pid, SIGKILL);
	do {
		pid = waitpid(-1, NULL, __WALL);
	} while (pid != stepper->pid && (pid > 0 || errno == EINTR));
}

/* ---- the whole act --------------------------------------------------------------- */

/* How often each address was seen: a hash table with open addressing. */
struct seen {
	struct place {
		uint64_t at;
		uint32_t count;
	} * places;
	uint32_t size, count;
};

static struct place *
find_place(struct seen *seen, uint64_t at)
{
	uint32_t i = (uint32_t)(at * 0x9e3779b97f4a7c15u >> 32) & (seen->size - 1);

	while (seen->places[i].at && seen->places[i].at != at)
		i = (i + 1) & (seen->size - 1);
	return &seen->places[i];
}

static void
grow(struct seen *seen)
{
	struct seen more = {.size = seen->size ? 2 * seen->size : 4096};

	more.places = calloc(more.size, sizeof(*more.places));
	MUST(more.places);
	for (uint32_t i = 0; i < seen->size; i++)
		if (seen->places[i].at)
			*find_place(&more, seen->places[i].at) = seen->places[i];
	more.count = seen->count;
	free(seen->places);
	*seen = more;
}

static uint32_t
count_place(struct seen *seen, uint64_t at)
{
	struct place *place;

	if (2 * seen->count >= seen->size)
		grow(seen);
	place = find_place(seen, at);
	seen->count += !place->at;
	place->at = at;
	return place->count++;
}

static struct step_point *
add_point(struct step_trace *trace, const struct stepper *stepper, struct seen *seen)
{
	struct step_point *point;

	if (!(trace->count & (trace->count - 1))) {
		trace->points =
			realloc(trace->points, (trace->count ? 2 * trace->count : 1) *
						       sizeof(*trace->points));
		MUST(trace->points);
	}
	point = &trace->points[trace->count];
	point->place = stepper->place;
	point->before = count_place(seen, point->place);
	point->wrote = point->minor = false;
	point->system = (stepper->code & 0xffff) == SYSCALL;
	trace->systems += point->system;
	trace->count++;
	return point;
}

/* The offset of the first byte that differs. There must be one. */
static uint32_t
first_change(const unsigned char *before, const unsigned char *now)
{
	uint32_t at = 0;

	while (before[at] == now[at])
		at++;
	return at;
}

void
stepper_trace(struct stepper *stepper, struct step_trace *trace, const void *watched,
	      size_t bytes)
{
	unsigned char *before = malloc(bytes);
	struct seen seen = {NULL};
	bool more = true;

	MUST(before);
	memcpy(before, watched, bytes);
	memset(trace, 0, sizeof(*trace));
	while (more) {
		MUST(trace->count < TRACE_MAX);
		struct step_point *point = add_point(trace, stepper, &seen);

		more = stepper_step(stepper);
		if (!memcmp(before, watched, bytes))
			continue;
		point->where = first_change(before, watched);
		memcpy(before, watched, bytes);
		point->wrote = true;
		trace->writes++;
	}
	free(before);
	free(seen.places);
}

void
step_trace_free(struct step_trace *trace)
{
	free(trace->points);
	memset(trace, 0, sizeof(*trace));
}

/* ---- a part of the act ----------------------------------------------------------- */

#define LOOK_BACK 20000
#define PASS_COST 5 /* of passing a breakpoint once, in steps */

/* The point where to stop running and begin to step. An instruction that is executed
 * often makes a bad breakpoint: each pass costs as much as some steps. */
static uint32_t
best_start(const struct step_trace *trace, uint32_t k)
{
	uint32_t best = 0, cost = k;

	for (uint32_t j = k, steps = 0; j && steps < LOOK_BACK && steps < cost;
	     j--, steps++) {
		uint64_t this =
			steps + (uint64_t)PASS_COST * (trace->points[j].before + 1);

		if (this < cost) {
			cost = (uint32_t)this;
			best = j;
		}
	}
	return best;
}

/* Run with a breakpoint at `place`, whose code is `code`. True: held there. */
static bool
run_to(struct stepper *stepper, uint64_t place, uint64_t code)
{
	uint64_t with = (code & ~0xffull) | BREAKPOINT;
	bool there;

	MUST(!ptrace(PTRACE_POKETEXT, stepper->tid, place, with));
	there = resume(stepper, PTRACE_CONT) && stepper->place == place + 1;
	if (stepper->gone)
		return false;
	MUST(!ptrace(PTRACE_POKETEXT, stepper->tid, place, code));
	if (there)
		MUST(!ptrace(PTRACE_POKEUSER, stepper->tid, PLACE, place));
	read_place(stepper);
	return there;
}

static bool
run_to_point(struct stepper *stepper, const struct step_point *point)
{
	uint64_t code = code_at(stepper, point->place);

	for (uint32_t pass = 0;; pass++) {
		if (stepper->place != point->place || pass)
			if (!run_to(stepper, point->place, code))
				return false;
		if (pass == point->before)
			return true;
		if (!resume(stepper, PTRACE_SINGLESTEP) || at_end(stepper))
			return false;
	}
}

bool
stepper_goto(struct stepper *stepper, const struct step_trace *trace, uint32_t k)
{
	uint32_t start;

	if (k >= trace->count) {
		stepper_finish(stepper);
		return true;
	}
	start = best_start(trace, k);
	if (start && !run_to_point(stepper, &trace->points[start]))
		return false;
	stepper->at = start;
	while (stepper->at < k)
		if (!stepper_step(stepper))
			return false;
	return true;
}

static void
nothing(void *arg)
{
	(void)arg;
	stepper_begin();
	stepper_end();
}

bool
stepper_works(void)
{
	struct stepper stepper;
	bool works;
	cpu_set_t here;

	/* Tracer and child take turns. On one processor that is faster, as none has to
	 * be woken on another. */
	CPU_ZERO(&here);
	CPU_SET((size_t)sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
	works = stepper_spawn(&stepper, nothing, NULL);

	if (works) {
		for (int i = 0; works && i < 3; i++)
			works = stepper_step(&stepper) || at_end(&stepper);
		stepper_kill(&stepper);
	}
	return works;
}
