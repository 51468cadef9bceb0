/* SPDX-License-Identifier: MIT */
#include "stepper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

#define BREAKPOINT 0xccu
#define SYSCALL	   0x050fu
#define RDTSC	   0x310fu
#define RDTSCP	   0xf9010fu
#define PLACE	   offsetof(struct user_regs_struct, rip)

/* The second mark; its address says that a stop is at the end. */
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
	__asm__ volatile(".globl stepper_end_mark\nstepper_end_mark:\n\tint3" ::: "memory");
}

uint64_t
stepper_place(const struct stepper *stepper)
{
	return (uint64_t)ptrace(PTRACE_PEEKUSER, stepper->tid, PLACE, NULL);
}

/* ---- the child's stops ------------------------------------------------------------ */

/* False: the thread has ended. */
static bool
wait_stop(struct stepper *stepper)
{
	int status;

	if (waitpid(stepper->tid, &status, __WALL) == stepper->tid && WIFSTOPPED(status)) {
		if (WSTOPSIG(status) != SIGTRAP)
			ck_abort_msg("child stopped by signal %d at 0x%llx",
				     WSTOPSIG(status),
				     (unsigned long long)stepper_place(stepper));
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
	/* Whichever of its threads it is. */
	stepper->tid = waitpid(-1, &status, __WALL);
	MUST(stepper->tid > 0);
	if (!WIFSTOPPED(status)) {
		stepper->gone = true;
		stepper->status = status;
		return false;
	}
	MUST(!ptrace(PTRACE_SETOPTIONS, stepper->tid, NULL, PTRACE_O_EXITKILL));
	return true;
}

static bool
at_end(const struct stepper *stepper)
{
	uint64_t place = stepper_place(stepper), mark = (uintptr_t)stepper_end_mark;

	return place == mark || place == mark + 1;
}

/* The next two instruction words. */
static uint64_t
code_at(const struct stepper *stepper, uint64_t place)
{
	return (uint64_t)ptrace(PTRACE_PEEKTEXT, stepper->tid, place, NULL);
}

/* rdtsc and rdtscp by hand, in a time in which an instruction takes nanoseconds: else an
 * act that is stepped through would take other ways than one at full speed. */
static bool
tell_time(struct stepper *stepper)
{
	uint64_t code = code_at(stepper, stepper_place(stepper));
	bool short_form = (code & 0xffff) == RDTSC;
	struct user_regs_struct regs;

	stepper->time += 8;
	if (!short_form && (code & 0xffffff) != RDTSCP)
		return false;
	MUST(!ptrace(PTRACE_GETREGS, stepper->tid, NULL, &regs));
	regs.rax = stepper->time & UINT32_MAX;
	regs.rdx = stepper->time >> 32;
	if (!short_form)
		regs.rcx = 0;
	regs.rip += short_form ? 2 : 3;
	MUST(!ptrace(PTRACE_SETREGS, stepper->tid, NULL, &regs));
	return true;
}

bool
stepper_step(struct stepper *stepper)
{
	if (stepper->gone)
		return false;
	if (!stepper->time)
		stepper->time = __builtin_ia32_rdtsc();
	if (!tell_time(stepper) && !resume(stepper, PTRACE_SINGLESTEP))
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

	/* Over the mark, whichever side of it we are on: its trap would be a signal now. */
	if (!stepper->gone && at_end(stepper))
		MUST(!ptrace(PTRACE_POKEUSER, stepper->tid, PLACE, past));
	if (!stepper->gone)
		MUST(!ptrace(PTRACE_DETACH, stepper->tid, NULL, NULL));
	MUST(waitpid(stepper->pid, &status, __WALL) == stepper->pid);
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

/* ---- all of the way --------------------------------------------------------------- */

/* Places seen, open-addressed. */
struct seen {
	uint64_t *places;
	uint32_t size, count;
};

static bool
is_new(struct seen *seen, uint64_t place)
{
	uint32_t at;

	if (2 * seen->count >= seen->size) {
		struct seen more = {.size = seen->size ? 2 * seen->size : 4096};

		more.places = calloc(more.size, sizeof(*more.places));
		MUST(more.places);
		for (uint32_t i = 0; i < seen->size; i++)
			if (seen->places[i])
				is_new(&more, seen->places[i]);
		free(seen->places);
		*seen = more;
	}
	at = (uint32_t)(place * 0x9e3779b97f4a7c15u >> 32) & (seen->size - 1);
	while (seen->places[at] && seen->places[at] != place)
		at = (at + 1) & (seen->size - 1);
	if (seen->places[at])
		return false;
	seen->places[at] = place;
	seen->count++;
	return true;
}

static struct step_point *
add_point(struct step_trace *trace, const struct stepper *stepper, struct seen *seen)
{
	struct step_point *point;

	if (!(trace->count & (trace->count - 1))) {
		trace->points = realloc(trace->points, (trace->count ? 2 * trace->count : 1) *
							       sizeof(*trace->points));
		MUST(trace->points);
	}
	point = &trace->points[trace->count];
	point->place = stepper_place(stepper);
	point->anchor = is_new(seen, point->place) ? trace->count : point[-1].anchor;
	point->wrote = false;
	point->system = (code_at(stepper, point->place) & 0xffff) == SYSCALL;
	trace->systems += point->system;
	trace->count++;
	return point;
}

void
stepper_trace(struct stepper *stepper, struct step_trace *trace, const void *watched,
	      size_t bytes, uint32_t most)
{
	unsigned char *before = malloc(bytes);
	struct seen seen = {NULL};
	bool more = true;

	MUST(before);
	memcpy(before, watched, bytes);
	memset(trace, 0, sizeof(*trace));
	while (more && trace->count < most) {
		struct step_point *point = add_point(trace, stepper, &seen);

		more = stepper_step(stepper);
		if (!memcmp(before, watched, bytes))
			continue;
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

/* ---- some of the way -------------------------------------------------------------- */

static bool
run_to(struct stepper *stepper, uint64_t place)
{
	uint64_t code = code_at(stepper, place), with = (code & ~0xffull) | BREAKPOINT;
	bool there;

	MUST(!ptrace(PTRACE_POKETEXT, stepper->tid, place, with));
	there = resume(stepper, PTRACE_CONT) && stepper_place(stepper) == place + 1;
	if (stepper->gone)
		return false;
	MUST(!ptrace(PTRACE_POKETEXT, stepper->tid, place, code));
	if (there)
		MUST(!ptrace(PTRACE_POKEUSER, stepper->tid, PLACE, place));
	return there;
}

bool
stepper_goto(struct stepper *stepper, const struct step_trace *trace, uint32_t k)
{
	uint32_t anchor = k < trace->count ? trace->points[k].anchor : 0;

	if (k >= trace->count) {
		stepper_finish(stepper);
		return true;
	}
	if (anchor && !run_to(stepper, trace->points[anchor].place))
		return false;
	stepper->at = anchor;
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
	bool works = stepper_spawn(&stepper, nothing, NULL);

	if (works) {
		for (int i = 0; works && i < 3; i++)
			works = stepper_step(&stepper) || at_end(&stepper);
		stepper_kill(&stepper);
	}
	return works;
}
