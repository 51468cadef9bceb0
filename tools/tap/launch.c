/* SPDX-License-Identifier: MIT */
#include "tap/launch.h"
#include "tap/signals.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int
launch_find(const char *program)
{
	const char *dir = getenv("PATH"), *end;
	int code = ENOENT;
	char path[4096];

	if (strchr(program, '/'))
		return access(program, X_OK) == 0 ? 0 : errno;
	if (!dir)
		return 0; /* execvp has a default path */
	for (; dir; dir = *end ? end + 1 : NULL) {
		end = dir + strcspn(dir, ":");
		snprintf(path, sizeof(path), "%.*s%s%s", (int)(end - dir), dir,
			 end == dir ? "./" : "/", program);
		if (access(path, X_OK) == 0)
			return 0;
		if (errno == EACCES)
			code = EACCES;
	}
	return code;
}

/* ---- inherited files ------------------------------------------------------------- */

static void
note(struct launch_files *files, int fd)
{
	int *more = realloc(files->fds, ((size_t)files->count + 1) * sizeof(fd));

	if (!more)
		return;
	files->fds = more;
	files->fds[files->count++] = fd;
}

void
launch_note_files(struct launch_files *files)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	*files = (struct launch_files){NULL, 0};
	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd > STDERR_FILENO && fd != dirfd(dir))
			note(files, fd);
	}
	if (dir)
		closedir(dir);
}

void
launch_close_files(struct launch_files *files)
{
	while (files->count > 0)
		close(files->fds[--files->count]);
	free(files->fds);
	files->fds = NULL;
}

/* ---- starting -------------------------------------------------------------------- */

struct launch {
	char **argv;
	int stdin_fd, stdout_fd;
	int code; /* a positive errno from the child, whose memory is ours */
};

/* In the child of a vfork: system calls only. */
static _Noreturn void
become(struct launch *launch, pid_t tap)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The tap may have ended before the kernel knew that it matters. */
	if (getppid() != tap)
		_exit(127);
	if (dup2(launch->stdin_fd, STDIN_FILENO) >= 0 &&
	    dup2(launch->stdout_fd, STDOUT_FILENO) >= 0) {
		signals_give_back();
		execvp(launch->argv[0], launch->argv);
	}
	launch->code = errno;
	_exit(127);
}

int
launch_start(char **argv, int stdin_fd, int stdout_fd, pid_t *pid)
{
	struct launch launch = {argv, stdin_fd, stdout_fd, 0};
	pid_t tap = getpid(), child;

	child = vfork();
	if (child == 0)
		become(&launch, tap);
	if (child < 0)
		return errno;
	while (launch.code && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = child;
	return launch.code;
}
