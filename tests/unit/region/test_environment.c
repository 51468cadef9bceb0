/* SPDX-License-Identifier: MIT
 *
 * test_environment.c: a program that has more rights than the user who runs it ignores
 * the user's FNTRACE_ variables. Tried with a set-user-ID program and with one that has
 * a capability, both copies of this one; needs root, else skipped.
 */
#include "support/fixture.h"

#include <grp.h>
#include <sys/auxv.h>
#include <sys/xattr.h>

#include "base/clock.h"

#include <fntrace/control.h>

#define OWNER_UID 65530u /* of the set-user-ID program */
#define USER_UID 65529u	 /* who runs the programs */
#define NAME "environment-test"

static char programs[] = "/tmp/fnt-environment-XXXXXX"; /* directory of the copies */

/* ---- the program ----------------------------------------------------------------- */

/* Open a log and say what it is like. */
static int
be_program(void)
{
	struct fnt_settings_list *settings;
	struct fnt_reader *reader;
	struct fnt_error error;
	struct fnt_stat stat;
	struct fnt_log *log;

	if (fnt_log_open(&log, NAME, &(struct fnt_options){.error = &error}) ||
	    fnt_reader_open(&reader, NAME, &error)) {
		fprintf(stderr, "# %s\n", error.message);
		return 98;
	}
	CHILD_MUST(!fnt_reader_stat(reader, &stat));
	CHILD_MUST(!fnt_reader_settings(reader, &settings));
	printf("%s\n%s %llu %g %d\n", fnt_log_path(log),
	       getauxval(AT_SECURE) ? "secure" : "plain",
	       (unsigned long long)stat.size_bytes, settings->all.keep,
	       fnt_clock_kind());
	fnt_settings_free(settings);
	fnt_reader_close(reader);
	fnt_log_close(log);
	unlink(fnt_log_path(log));
	return 0;
}

/* ---- its copies ------------------------------------------------------------------ */

static const char *
program_path(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", programs, name);
	return path;
}

static void
copy_program(const char *name)
{
	char command[256];

	snprintf(command, sizeof(command), "cp /proc/%d/exe %s && chmod 755 %s",
		 (int)getpid(), program_path(name), program_path(name));
	MUST(!system(command));
}

/* Let it run with CAP_NET_RAW: the attribute's format is that of <linux/capability.h>,
 * revision 2. */
static bool
give_capability(const char *path)
{
	const uint32_t words[5] = {0x02000001, 1u << 13, 0, 0, 0};

	return !setxattr(path, "security.capability", words, sizeof(words), 0);
}

/* Run a copy as the user. Returns its exit status, and what it printed. */
static int
run_copy(const char *name, char output[1024])
{
	int fds[2], status;
	ssize_t got;
	pid_t pid;

	MUST(!pipe(fds));
	pid = fork();
	if (!pid) {
		if (setgroups(0, NULL) || setgid(USER_UID) || setuid(USER_UID) ||
		    dup2(fds[1], STDOUT_FILENO) < 0)
			_exit(97);
		execl(program_path(name), "program", NULL);
		_exit(96);
	}
	close(fds[1]);
	got = read(fds[0], output, 1023);
	output[got > 0 ? got : 0] = '\0';
	close(fds[0]);
	MUST(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 95;
}

static void
must_print(const char *name, uid_t uid, const char *second_line)
{
	char output[1024], expected[256];
	int status = run_copy(name, output);

	if (status)
		ck_abort_msg("%s: status %d", name, status);
	if (uid == (uid_t)-1)
		snprintf(expected, sizeof(expected), "%s/" NAME ".fnt\n%s\n",
			 fixture_dir, second_line);
	else
		snprintf(expected, sizeof(expected),
			 "/dev/shm/fntrace-%u/" NAME ".fnt\n%s\n", uid, second_line);
	ck_assert_str_eq(output, expected);
}

static void
remove_default_dir(uid_t uid)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/shm/fntrace-%u", uid);
	rmdir(path);
}

START_TEST(privileged_programs_ignore_variables)
{
	char ignored[64];

	if (geteuid() || SANITIZED) /* the sanitizers' libraries do not start so */
		return;
	MUST(mkdtemp(programs) && !chmod(programs, 0755));
	MUST(!chown(fixture_dir, USER_UID, USER_UID));
	copy_program("plain");
	copy_program("setuid");
	MUST(!chown(program_path("setuid"), OWNER_UID, OWNER_UID));
	MUST(!chmod(program_path("setuid"), 04755));
	copy_program("capable");
	snprintf(ignored, sizeof(ignored), "secure %llu 1 %d",
		 (unsigned long long)MIB(16), fnt_clock_kind());
	setenv("FNTRACE_SIZE", "2M", 1);
	setenv("FNTRACE_SETTINGS", "keep=0.25", 1);
	setenv("FNTRACE_CLOCK", "vdso", 1);
	must_print("plain", (uid_t)-1, "plain 2097152 0.25 0");
	must_print("setuid", OWNER_UID, ignored);
	if (give_capability(program_path("capable")))
		must_print("capable", USER_UID, ignored);
	else
		fprintf(stderr, "# no capabilities on /tmp: not tried\n");
	remove_default_dir(OWNER_UID);
	remove_default_dir(USER_UID);
	unlink(program_path("plain"));
	unlink(program_path("setuid"));
	unlink(program_path("capable"));
	rmdir(programs);
}
END_TEST

int
main(int argc, char **argv)
{
	int status;

	(void)argc;
	if (!strcmp(argv[0], "program"))
		return be_program();
	fixture_begin();
	status = SUITE_RUN("environment", privileged_programs_ignore_variables);
	fixture_end();
	return status;
}
