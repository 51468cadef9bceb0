/* SPDX-License-Identifier: MIT
 *
 * stepper.h: a child process, held between two of its instructions.
 *
 *   test ──spawn──► child: prepares itself at full speed … stepper_begin()
 *     │                                                        │ held
 *     ├─ trace: every instruction of its act, once              ▼
 *     ├─ goto:  another such child, to just before instruction k
 *     └─ kill, or look around and release it ────────► stepper_end()
 *
 * Uses ptrace: single steps, and to get to instruction k faster, a breakpoint on an
 * earlier one, passed as often as the trace says. For x86-64 Linux.
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
	bool gone;     /* that thread has ended */
	int status;    /* of the child, once it has ended */
	uint64_t at;   /* instructions since the beginning, if it was stepped */
	uint64_t time; /* what the child is told when it reads the time stamp counter */
	uint64_t place, code; /* address and bytes of the next instruction */
};

/* True if this process may trace. Pins it to one processor, for speed. */
bool stepper_works(void);

/* In the child: the instructions between these two calls are stepped. The first stops
 * the thread that calls it, which may be any thread of the child. */
void stepper_begin(void);
void stepper_end(void);

/* Fork a child that runs run(arg) and ends. Returns when the child has called
 * stepper_begin(); false if it ended without that. */
bool stepper_spawn(struct stepper *stepper, void (*run)(void *arg), void *arg);

/* Step one instruction. False if stepper_end() was reached, or the thread has ended. */
bool stepper_step(struct stepper *stepper);

/* Run to stepper_end() or the thread's end. */
void stepper_finish(struct stepper *stepper);

/* Detach from the child and wait for its end. True if it exited with 0. */
bool stepper_release(struct stepper *stepper);

/* Kill the child and wait until it and its threads are gone. */
void stepper_kill(struct stepper *stepper);

/* What the act does, instruction by instruction. */
struct step_point {
	uint64_t place;
	uint32_t before; /* how often it was executed earlier in the act */
	uint32_t where;	 /* offset of the first watched byte that it changed */
	bool wrote;	 /* it changed a watched byte */
	bool minor;	 /* for the owner of the trace */
	bool system;	 /* it is a system call */
};

struct step_trace {
	struct step_point *points;
	uint32_t count;
	uint32_t writes, systems;
};

/* Step to the end of the act and note which instructions changed the watched bytes. */
void stepper_trace(struct stepper *stepper, struct step_trace *trace,
		   const void *watched, size_t bytes);

/* Run to just before instruction `k` of the trace. False if the child came to the end
 * of the act by another path. */
bool stepper_goto(struct stepper *stepper, const struct step_trace *trace, uint32_t k);

void step_trace_free(struct step_trace *trace);

#endif
