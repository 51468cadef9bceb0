/* SPDX-License-Identifier: MIT
 *
 * stepper.h: a child process, held between two of its instructions.
 *
 *   test ──spawn──► child: prepares itself at full speed … stepper_begin()
 *     │                                                        │ held
 *     ├─ trace: every instruction of its act, once              ▼
 *     ├─ goto:  another such child, to just before instruction k
 *     └─ kill, or look around and let it go on ──────► stepper_end()
 *
 * By ptrace: single steps, and to get to instruction k quickly a breakpoint on one
 * before it, passed as often as the way says. For x86-64 Linux.
 */
#ifndef FNT_TEST_STEPPER_H
#define FNT_TEST_STEPPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stepper {
	pid_t pid;
	pid_t tid;     /* the thread that is held: the child's first, or another */
	bool gone;     /* that thread is no more */
	int status;    /* of the child, when it ended before its time */
	uint64_t at;   /* instructions since the beginning, if it was stepped */
	uint64_t time; /* that it is told */
	uint64_t place, code; /* the next instruction, while it is held */
};

/* May we trace here? */
bool stepper_works(void);

/* In the child: what comes next is stepped; and was, until here. The first stops the
 * thread that calls it, any of the child's. */
void stepper_begin(void);
void stepper_end(void);

/* Fork a child that runs run(arg) and ends. Returns when it has called stepper_begin();
 * false if it never did. */
bool stepper_spawn(struct stepper *stepper, void (*run)(void *arg), void *arg);

/* One instruction. False: stepper_end() was reached, or the thread has ended. */
bool stepper_step(struct stepper *stepper);

/* Run to stepper_end() or the thread's end. */
void stepper_finish(struct stepper *stepper);

/* Let go of the child for good and wait for its end: true if it was a good one. */
bool stepper_release(struct stepper *stepper);

/* SIGKILL, and wait until nothing is left of it. */
void stepper_kill(struct stepper *stepper);

/* What the act does, instruction by instruction. */
struct step_point {
	uint64_t place;
	uint32_t before; /* so often was it executed earlier in the act */
	uint32_t where;	 /* the first watched byte that it changed */
	bool wrote;	 /* it changed any */
	bool minor;	 /* for the owner of the trace */
	bool system;	 /* it is a system call */
};

struct step_trace {
	struct step_point *points;
	uint32_t count;
	uint32_t writes, systems;
};

/* Step to the end, at most `most` instructions, and say when the watched bytes changed.
 */
void stepper_trace(struct stepper *stepper, struct step_trace *trace,
		   const void *watched, size_t bytes, uint32_t most);

/* To just before instruction `k` of the trace. False: the child took another way and
 * came to its end. */
bool stepper_goto(struct stepper *stepper, const struct step_trace *trace, uint32_t k);

void step_trace_free(struct step_trace *trace);

#endif
