/* SPDX-License-Identifier: MIT
 *
 * inject.c: run a command, and let a system call of it fail.
 *
 *   inject RESULT LIMIT_S SYSCALL ERRNO FIRST LAST COMMAND [ARGUMENT]...
 *
 * Calls FIRST to LAST (from 1) of SYSCALL (a number; 0 to 0: none) fail with ERRNO, in
 * the command and in its children. Calls count from the first getppid(2) on, which
 * preload.c makes before main: what the dynamic linker does is not ours. RESULT gets
 * the command's wait status, whether it was killed for taking longer than LIMIT_S
 * seconds, and how often it made each call:
 *
 *   status 256 hung 0
 *   257 12
 *
 * A seccomp filter hands each system call that may fail to this process. Exit status
 * 77: the kernel has no such filters (Linux 5.5).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARKER SYS_getppid
#define NUMBERS 512

/* System calls that may fail. Left out: those without which no program runs, or libc
 * can't go on (exit, futex, signal masks and returns, rseq), and wait. */
static const int watched[] = {
	MARKER,
	SYS_openat,
	SYS_read,
	SYS_pread64,
	SYS_write,
	SYS_pwrite64,
	SYS_writev,
	SYS_fstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_lseek,
	SYS_mmap,
	SYS_munmap,
	SYS_madvise,
	SYS_msync,
	SYS_fcntl,
	SYS_flock,
	SYS_ioctl,
	SYS_ftruncate,
	SYS_fallocate,
	SYS_fsync,
	SYS_fdatasync,
	SYS_fchmod,
	SYS_fchown,
	SYS_link,
	SYS_linkat,
	SYS_unlink,
	SYS_unlinkat,
	SYS_rename,
	SYS_renameat2,
	SYS_mkdir,
	SYS_mkdirat,
	SYS_readlink,
	SYS_readlinkat,
	SYS_access,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_getdents64,
	SYS_statfs,
	SYS_fstatfs,
	SYS_memfd_create,
	SYS_getrandom,
	SYS_membarrier,
	SYS_dup,
	SYS_dup2,
	SYS_pipe2,
	SYS_poll,
	SYS_ppoll,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_wait,
	SYS_signalfd4,
	SYS_eventfd2,
	SYS_timerfd_create,
	SYS_timerfd_settime,
	SYS_inotify_init1,
	SYS_inotify_add_watch,
	SYS_socketpair,
	SYS_clone,
	SYS_clone3,
	SYS_vfork,
	SYS_kill,
	SYS_prctl,
	SYS_sched_getaffinity,
	SYS_sched_yield,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_clock_gettime,
	SYS_sysinfo,
	SYS_uname,
	SYS_getcwd,
	SYS_copy_file_range,
	SYS_sendfile,
	SYS_rt_sigaction,
	SYS_sigaltstack,
	SYS_prlimit64,
};

static struct {
	const char *result;
	int limit_s, number, code;
	unsigned long first, last;
} plan;

static unsigned long counts[NUMBERS];
static bool counting;

static void
fail(const char *what)
{
	fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
	exit(errno == EINVAL || errno == ENOSYS ? 77 : 2);
}

/* ---- the command ----------------------------------------------------------------- */

static int
listen_to_calls(void)
{
	const size_t count = sizeof(watched) / sizeof(*watched);
	struct sock_filter filter[sizeof(watched) / sizeof(*watched) + 3];
	struct sock_fprog program = {.filter = filter};
	size_t at = 0;

	filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < count; i++)
		filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							    (uint32_t)watched[i],
							    (uint8_t)(count - i), 0);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[at++] =
		(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	program.len = (unsigned short)at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			    (unsigned)SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* sendmsg and recvmsg are not watched. A descriptor of -1 says why there is none. */
static void
send_descriptor(int to, int fd)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS}};
	struct iovec byte = {"", 1};
	struct msghdr message = {.msg_iov = &byte,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(to, &message, 0) != 1)
		_exit(2);
}

static int
receive_descriptor(int from)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec bytes = {&byte, 1};
	struct msghdr message = {.msg_iov = &bytes,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static pid_t
start(char **argv, int *listener)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		fail("socketpair");
	pid = fork();
	if (!pid) {
		int fd = listen_to_calls();

		if (fd < 0)
			_exit(77);
		send_descriptor(pair[1], fd);
		syscall(SYS_close, fd);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(pair[1]);
	*listener = receive_descriptor(pair[0]);
	close(pair[0]);
	return pid;
}

/* ---- its system calls ------------------------------------------------------------ */

static bool
fails(int number)
{
	if (number < 0 || number >= NUMBERS)
		return false;
	if (number == MARKER)
		counting = true;
	if (!counting)
		return false;
	counts[number]++;
	return number == plan.number && counts[number] >= plan.first &&
	       counts[number] <= plan.last;
}

static void
answer(int listener, struct seccomp_notif *call)
{
	struct seccomp_notif_resp reply = {.id = call->id};

	if (fails(call->data.nr))
		reply.error = -plan.code;
	else
		reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

static time_t
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Answer until the command, and all its children, have ended. Children that outlive it
 * are killed with it. */
static int
supervise(pid_t pid, int listener, bool *hung)
{
	time_t until = now_s() + plan.limit_s;
	bool ended = false;
	int status = 0;

	for (;;) {
		struct pollfd ready = {.fd = listener, .events = POLLIN};
		struct seccomp_notif call;

		if (!ended && waitpid(pid, &status, WNOHANG) == pid)
			ended = true;
		if (poll(&ready, 1, ended ? 0 : 20) > 0 && ready.revents & POLLIN) {
			memset(&call, 0, sizeof(call));
			if (!ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
				answer(listener, &call);
		} else if (ended) {
			break;
		}
		if (now_s() > until) {
			*hung = !ended;
			break;
		}
	}
	kill(-pid, SIGKILL);
	if (!ended) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return status;
}

static void
write_result(int status, bool hung)
{
	FILE *file = fopen(plan.result, "w");

	if (!file)
		fail(plan.result);
	fprintf(file, "status %d hung %d\n", status, hung);
	for (int i = 0; i < NUMBERS; i++)
		if (counts[i] && i != MARKER)
			fprintf(file, "%d %lu\n", i, counts[i]);
	fclose(file);
}

int
main(int argc, char **argv)
{
	bool hung = false;
	int listener, status;
	pid_t pid;

	if (argc < 8)
		return 2;
	plan.result = argv[1];
	plan.limit_s = atoi(argv[2]);
	plan.number = atoi(argv[3]);
	plan.code = atoi(argv[4]);
	plan.first = strtoul(argv[5], NULL, 10);
	plan.last = strtoul(argv[6], NULL, 10);
	pid = start(argv + 7, &listener);
	if (listener < 0)
		return 77;
	status = supervise(pid, listener, &hung);
	write_result(status, hung);
	return EXIT_SUCCESS;
}
