/* SPDX-License-Identifier: MIT
 *
 * deaths_changes.c: tools that change a region under the workers of deaths.c.
 */
#include "deaths.h"

#include <fntrace/control.h>

static pid_t tool;

static void
be_tool(struct rnd *dice)
{
	static const char *const settings[] = {"slow=1ms", "slow=off", "keep_errors=on",
					       "capture.users=hash", "capture.ids=on"};
	struct fnt_error error = {0};
	struct fnt_control *control;
	int rc;

	REQUIRE(!fnt_control_open(&control, shape->name, NULL));
	if (rnd(dice, 3))
		rc = fnt_control_resize(control, shape->size / 2 * (2 + rnd(dice, 5)),
					NULL, &error);
	else
		rc = fnt_control_set(control, rnd(dice, 2) ? "deaths" : NULL,
				     &settings[rnd(dice, 5)], 1, &error);
	if (rc && rc != -EBUSY)
		fprintf(stderr, "deaths: %s\n", error.message);
	_exit(rc && rc != -EBUSY);
}

void
change(struct rnd *dice, uint64_t *changes, uint64_t *killed)
{
	bool killing;
	int status;

	if (tool && waitpid(tool, &status, WNOHANG) == 0)
		return;
	REQUIRE(!tool || (WIFEXITED(status) && !WEXITSTATUS(status)));
	++*changes;
	killing = rnd(dice, 2);
	tool = fork();
	REQUIRE(tool >= 0);
	if (!tool)
		be_tool(dice);
	if (!killing)
		return;
	nap_us(rnd(dice, 5) ? rnd(dice, 2500) : rnd(dice, 20000));
	kill(tool, SIGKILL);
	REQUIRE(waitpid(tool, &status, 0) == tool);
	REQUIRE(WIFSIGNALED(status) || !WEXITSTATUS(status));
	*killed += WIFSIGNALED(status);
	tool = 0;
}

static void
fill_rings(void)
{
	struct fnt_log *log = open_sized(shape->name, shape->size);
	uint64_t calls = 2 * region_stat(shape->name).cells;

	for (uint64_t i = 0; i < calls; i++)
		REQUIRE(fnt_call_finish_error(begin_call(log, "fn", "fill"), "E",
					      "m") == FNT_DONE &&
			record_call(log, "fn", "fill") == FNT_DONE);
	fnt_log_close(log);
}

void
change_back(void)
{
	struct fnt_control *control;
	struct fnt_error error = {0};
	struct fnt_rings rings;
	uint32_t count;

	if (tool)
		kill(tool, SIGKILL);
	if (tool)
		waitpid(tool, NULL, 0);
	tool = 0;
	REQUIRE(!fnt_control_open(&control, shape->name, NULL));
	REQUIRE(!fnt_control_reap(control, &count, &rings, NULL));
	/* Old segments are retired once the new ones have been filled. */
	fill_rings();
	if (fnt_control_resize(control, shape->size, &rings, &error))
		fprintf(stderr, "deaths: %s (%u threads, %u readers, shown %d)\n",
			error.message, rings.threads, rings.readers, rings.shown);
	REQUIRE(!error.code);
	fnt_control_close(control);
}
