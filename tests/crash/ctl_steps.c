/* SPDX-License-Identifier: MIT
 *
 * ctl_steps.c: who changes settings is killed before each instruction that changes the
 * region and each system call, and at others by chance. What is in force then is the
 * old or the new, for readers and for processes that follow; and the next who changes
 * them can.
 *
 *   ctl_steps [--long] [--seed N] [CHANGE]...
 */
#include "support/controls.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "control/controller.h"
#include "kills.h"

#define NAME "steps"
#define WAY_MAX 400000

struct change {
	const char *name, *fn, *assignments[3];
	bool reset;
	const char *after; /* all that is set then */
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

static struct kills kills;
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
	struct stat st;
	int fd;

	unlink(region_path(NAME, ".fnt"));
	fnt_log_close(open_log(NAME, &options));
	fd = open(region_path(NAME, ".fnt"), O_RDWR);
	MUST(fd >= 0 && !fstat(fd, &st));
	region_bytes = (size_t)st.st_size;
	region = mmap(NULL, region_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	saved = malloc(region_bytes);
	MUST(region != MAP_FAILED && saved);
	/* The copy that is not in force may hold anything. */
	view = open_control(NAME)->region.view;
	memset(view.settings + view.settings_count, 0xa5,
	       view.settings_count * sizeof(*view.settings));
	memcpy(saved, region, region_bytes);
	close(fd);
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

static void
spawn(struct stepper *stepper, const struct change *change)
{
	if (!stepper_spawn(stepper, run, (void *)(uintptr_t)change))
		ck_abort_msg("%s: the child ended: 0x%x", change->name,
			     stepper->status);
}

/* ---- what is there then ---------------------------------------------------------- */

static const char *
in_force(void)
{
	struct fnt_reader *reader = open_reader(NAME);
	struct fnt_settings_list *list;

	MUST(!fnt_reader_settings(reader, &list));
	fnt_reader_close(reader);
	return text_of_all(list);
}

/* A process that has followed all along: is `c` enabled, as `fn` says? */
static void
check_follower(struct fnt_log *log, const struct change *change, bool is_new)
{
	struct fnt_call *call = begin_call(log, "c", "1");

	MUST((call != NULL) == !(is_new && !strcmp(change->name, "fn")));
	fnt_call_finish_ok(call, NULL);
}

/* Whatever was left behind, the next change comes about. */
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

/* True: the new ones are in force. */
static bool
kill_at(const struct change *change, const struct step_trace *way, uint32_t k,
	uint32_t again)
{
	struct stepper stepper;
	struct fnt_log *log;
	bool is_new;

	memcpy(region, saved, region_bytes);
	log = open_log(NAME, NULL);
	for (int i = 0; i < (again ? 2 : 1); i++) {
		spawn(&stepper, change);
		stepper_goto(&stepper, way, i ? again : k);
		stepper_kill(&stepper);
		is_new = !strcmp(in_force(), change->after);
		if (!is_new && strcmp(in_force(), BEFORE) != 0)
			ck_abort_msg("%s, killed before %u of %u: \"%s\"", change->name,
				     k, way->count, in_force());
		check_follower(log, change, is_new);
		/* Done is done. */
		if (is_new)
			break;
	}
	check_next();
	fnt_log_close(log);
	return is_new;
}

/* Around each system call and the last writes, one of which puts all of it in force; of
 * the others, which fill in a copy that is nobody's, some. */
static bool
is_chosen(const struct step_trace *way, uint32_t k, struct rnd *r)
{
	const struct step_point *next = &way->points[k], *last = next - 1;
	uint32_t one_in = 1 + way->count / (kills.is_long ? 2000 : 20);

	if ((k && last->system) || (k < way->count && next->system))
		one_in = kills.is_long ? 1 : 2;
	else if ((k && last->wrote) || (k < way->count && next->wrote))
		one_in = kills.is_long || k + 400 > way->count ? 1
							       : 1 + way->writes / 20;
	return !k || k == way->count || !rnd(r, one_in);
}

static void
trace(const struct change *change, struct step_trace *way)
{
	struct stepper stepper;

	make_region();
	spawn(&stepper, change);
	stepper_trace(&stepper, way, region, region_bytes, WAY_MAX);
	stepper_finish(&stepper);
	MUST(stepper_release(&stepper));
	ck_assert_str_eq(in_force(), change->after);
}

START_TEST(old_or_new)
{
	const struct change *change = &changes[kills_turn(&kills, _i, CHANGES)];
	struct kills_choice choice = kills_choose(&kills);
	uint32_t first_new = UINT32_MAX, last_old = 0;
	struct rnd r = {choice.random}, again = r;
	struct step_trace way;

	if (!kills_wants(&kills, change->name))
		return;
	trace(change, &way);
	for (uint32_t k = 0; k <= way.count; k++) {
		if (!is_chosen(&way, k, &r) || !kills_mine(&choice))
			continue;
		kills.count++;
		if (!kill_at(change, &way, k,
			     rnd(&again, 4) ? 0 : rnd(&again, way.count)))
			last_old = k;
		else if (first_new == UINT32_MAX)
			first_new = k;
	}
	kills_tell(&kills,
		   "%-8s %u instructions, %u writes, %u system calls: %lu kills, old "
		   "until %u, new from %u",
		   change->name, way.count, way.writes, way.systems, kills.count,
		   last_old, first_new);
	MUST(last_old && first_new != UINT32_MAX && way.writes > 100);
	step_trace_free(&way);
}
END_TEST

int
main(int argc, char **argv)
{
	kills_init(&kills, argc, argv);
	return KILLS_RUN(&kills, "ctl_steps", {old_or_new, CHANGES});
}
