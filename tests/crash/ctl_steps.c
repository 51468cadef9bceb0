/* SPDX-License-Identifier: MIT
 *
 * ctl_steps.c: a tool that changes settings is killed before each instruction that
 * changes the region and each system call, and at a sample of the others. Either the
 * old or the new settings are in force then, for readers and for processes that follow
 * them; and the next tool can change them.
 *
 *   ctl_steps [--long] [--seed N] [CHANGE]...
 */
#include "support/controls.h"

#include "control/controller.h"
#include "steps.h"

#define NAME "steps"

struct change {
	const char *name, *fn, *assignments[3];
	bool reset;
	const char *after; /* all settings then */
};

#define BEFORE "keep=0.5 slow=1s; a rate=1; b:* keep=0.25 capture.users=hash"

static const struct change changes[] = {
	{"set",
	 NULL,
	 {"keep=0.125", "slow=5ms", "rate=7"},
	 false,
	 "keep=0.125 slow=5ms rate=7; a rate=1; b:* keep=0.25 capture.users=hash"},
	{"fn",
	 "c",
	 {"enabled=off", "keep=1", "rate=9"},
	 false,
	 "keep=0.5 slow=1s; a rate=1; b:* keep=0.25 capture.users=hash; c enabled=off "
	 "keep=1 rate=9"},
	{"reset fn", "b:*", {NULL}, true, "keep=0.5 slow=1s; a rate=1"},
	{"reset", NULL, {NULL}, true, ""},
};
#define CHANGES ((int)(sizeof(changes) / sizeof(changes[0])))

static unsigned char *region, *saved;
static size_t region_bytes;

static void
make_region(void)
{
	struct fnt_options options = {.size_bytes = SMALLEST,
				      .settings =
					      "keep=0.5 slow=1s a:rate=1 b:*:keep=0.25 "
					      "b:*:capture.users=hash"};
	struct fnt_view view;

	unlink(region_path(NAME, ".fnt"));
	fnt_log_close(open_log(NAME, &options));
	region = map_region_file(NAME, &region_bytes);
	saved = malloc(region_bytes);
	MUST(saved);
	/* The copy that is not in force may hold any bytes. */
	view = open_control(NAME)->region.view;
	memset(view.settings + view.settings_count, 0xa5,
	       view.settings_count * sizeof(*view.settings));
	memcpy(saved, region, region_bytes);
}

/* ---- the child ------------------------------------------------------------------- */

static void
run(void *arg)
{
	const struct change *change = arg;
	struct fnt_control *control = open_control(NAME);
	size_t count = 0;

	while (count < 3 && change->assignments[count])
		count++;
	stepper_begin();
	if (change->reset)
		CHILD_MUST(!fnt_control_reset(control, change->fn, NULL));
	else
		CHILD_MUST(!fnt_control_set(control, change->fn, change->assignments,
					    count, NULL));
	stepper_end();
	fnt_control_close(control);
}

/* ---- the checks ------------------------------------------------------------------ */

static const char *
in_force(void)
{
	struct fnt_reader *reader = open_reader(NAME);
	struct fnt_settings_list *list;

	MUST(!fnt_reader_settings(reader, &list));
	fnt_reader_close(reader);
	return text_of_all(list);
}

/* A process that had the log open all along follows the settings that are in force. The
 * change "fn" disables function `c`. */
static void
check_follower(struct fnt_log *log, const struct change *change, bool is_new)
{
	struct fnt_call *call = begin_call(log, "c", "1");

	MUST((call != NULL) == !(is_new && !strcmp(change->name, "fn")));
	fnt_call_finish_ok(call, NULL);
}

/* Whatever the dead tool has left, the next change succeeds. */
static void
check_next(void)
{
	static const char *const assignments[] = {"keep=0.75"};
	struct fnt_control *control = open_control(NAME);
	struct fnt_error error = {0};

	if (fnt_control_reset(control, NULL, &error) ||
	    fnt_control_set(control, "next", assignments, 1, &error))
		ck_abort_msg("after a kill: %s", error.message);
	fnt_control_close(control);
	ck_assert_str_eq(in_force(), "; next keep=0.75");
}

/* Kill a tool before instruction `k`, and unless `again` is 0 the next one before that.
 * True if the new settings are in force then. */
static bool
kill_at(const struct change *change, const struct step_trace *trace, uint32_t k,
	uint32_t again)
{
	struct stepper stepper;
	struct fnt_log *log;
	bool is_new;

	memcpy(region, saved, region_bytes);
	log = open_log(NAME, NULL);
	for (int i = 0; i < (again ? 2 : 1); i++) {
		steps_spawn(&stepper, change->name, run, (void *)(uintptr_t)change);
		steps_kill_at(&stepper, trace, i ? again : k);
		is_new = !strcmp(in_force(), change->after);
		if (!is_new && strcmp(in_force(), BEFORE) != 0)
			ck_abort_msg("%s, killed before %u of %u: \"%s\"", change->name,
				     k, trace->count, in_force());
		check_follower(log, change, is_new);
		/* The new settings stay. */
		if (is_new)
			break;
	}
	check_next();
	fnt_log_close(log);
	return is_new;
}

/* Every system call and every one of the last writes: one of those puts the whole
 * change in force. The other writes fill a copy that nobody reads; they are sampled. */
static bool
is_chosen(const struct step_trace *trace, uint32_t k, struct rnd *r)
{
	const struct step_point *next = &trace->points[k], *last = next - 1;
	uint32_t one_in = 1 + trace->count / (steps.is_long ? 2000 : 20);

	if ((k && last->system) || (k < trace->count && next->system))
		one_in = steps.is_long ? 1 : 2;
	else if ((k && last->wrote) || (k < trace->count && next->wrote))
		one_in = steps.is_long || k + 400 > trace->count
				 ? 1
				 : 1 + trace->writes / 20;
	return !k || k == trace->count || !rnd(r, one_in);
}

static void
trace_change(const struct change *change, struct step_trace *trace)
{
	struct stepper stepper;

	make_region();
	steps_spawn(&stepper, change->name, run, (void *)(uintptr_t)change);
	stepper_trace(&stepper, trace, region, region_bytes);
	stepper_finish(&stepper);
	MUST(stepper_release(&stepper));
	ck_assert_str_eq(in_force(), change->after);
}

START_TEST(old_or_new)
{
	const struct change *change = &changes[steps_case(_i, CHANGES)];
	struct steps_choice choice = steps_choose();
	uint32_t first_new = UINT32_MAX, last_old = 0;
	struct rnd r = {choice.random}, again = r;
	struct step_trace trace;

	if (!steps_wants(change->name))
		return;
	trace_change(change, &trace);
	for (uint32_t k = 0; k <= trace.count; k++) {
		if (!is_chosen(&trace, k, &r) || !steps_is_mine(&choice))
			continue;
		if (!kill_at(change, &trace, k,
			     rnd(&again, 4) ? 0 : rnd(&again, trace.count)))
			last_old = k;
		else if (first_new == UINT32_MAX)
			first_new = k;
	}
	steps_tell_kills(change->name, &trace);
	steps_tell("%-22s old until %u, new from %u", change->name, last_old,
		   first_new);
	MUST(last_old && first_new != UINT32_MAX && trace.writes > 100);
	step_trace_free(&trace);
}
END_TEST

STEPS_MAIN("ctl_steps", {old_or_new, CHANGES, CHANGES})
