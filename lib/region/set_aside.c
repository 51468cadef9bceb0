/* SPDX-License-Identifier: MIT */
#include "region/set_aside.h"

#include "region/location.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1 /* of <linux/fs.h>, which clashes with libc */
#endif
#define LOCK_TRIES 100
#define LOCK_STEP_NS 10000000l
#define NAME_TRIES 20 /* files that were set aside in one second */
#define STEM_MAX 200  /* bytes of a name that the new name begins with */

/* ---- what is in the file --------------------------------------------------------- */

/* Why the file is set aside, for its new name and for people. */
struct reason {
	char tag[16];
	char text[48];
};

static struct reason
reason_of(const char *tag, const char *text)
{
	struct reason reason;

	snprintf(reason.tag, sizeof(reason.tag), "%s", tag);
	snprintf(reason.text, sizeof(reason.text), "%s", text);
	return reason;
}

static bool
has_suffix(const char *file)
{
	size_t len = strlen(file), suffix = strlen(FNT_REGION_SUFFIX);

	return len > suffix && !strcmp(file + len - suffix, FNT_REGION_SUFFIX);
}

static bool
is_zero(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

/* False: the file is to stay. */
static bool
find_reason(struct reason *reason, const char *file, int fd, int code)
{
	union {
		struct fnt_header header;
		unsigned char bytes[FNT_PAGE];
	} page = {.bytes = {0}};
	ssize_t got = pread(fd, &page, sizeof(page), 0);
	const struct fnt_header *header = &page.header;

	if (got < 0 || (code != -EPROTO && code != -ENOTSUP))
		return false;
	if (is_zero(page.bytes, sizeof(page))) {
		*reason = reason_of("damaged", got ? "it begins with zeroes only"
						   : "it was empty");
		return has_suffix(file);
	}
	if (memcmp(header->magic, FNT_MAGIC, sizeof(header->magic)) != 0)
		return false;
	*reason = reason_of("damaged", "it was damaged");
	if (code == -EPROTO)
		return true;
	if (header->byte_order != FNT_BYTE_ORDER || header->version >= FNT_VERSION_NO)
		return false;
	snprintf(reason->tag, sizeof(reason->tag), "v%u", header->version);
	snprintf(reason->text, sizeof(reason->text), "it is of version %u",
		 header->version);
	return true;
}

/* ---- renaming -------------------------------------------------------------------- */

static bool
is_named(int dir_fd, const char *file, const struct stat *st)
{
	struct stat named;

	return !fstatat(dir_fd, file, &named, AT_SYMLINK_NOFOLLOW) &&
	       named.st_dev == st->st_dev && named.st_ino == st->st_ino;
}

/* Rename without replacing a file. 0 or -errno. */
static int
rename_new(int dir_fd, const char *from, const char *to)
{
	if (!syscall(SYS_renameat2, dir_fd, from, dir_fd, to, RENAME_NOREPLACE))
		return 0;
	if (errno == EEXIST)
		return -EEXIST;
	/* Not every file system can do it in one step. */
	if (linkat(dir_fd, from, dir_fd, to, 0))
		return -errno;
	return unlinkat(dir_fd, from, 0) ? -errno : 0;
}

/* STEM.TAG-YYYYmmddTHHMMSSZ.fnt, and before the suffix a number if that exists. */
static void
make_name(char name[NAME_MAX + 1], const char *file, const struct reason *reason,
	  int number)
{
	size_t stem = strlen(file);
	time_t now = time(NULL);
	char stamp[32], more[16] = "";
	struct tm tm = {0};

	if (has_suffix(file))
		stem -= strlen(FNT_REGION_SUFFIX);
	if (stem > STEM_MAX)
		stem = STEM_MAX;
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	if (number)
		snprintf(more, sizeof(more), "-%d", number + 1);
	snprintf(name, NAME_MAX + 1, "%.*s.%s-%s%s" FNT_REGION_SUFFIX, (int)stem, file,
		 reason->tag, stamp, more);
}

/* Under the lock: nobody else renames this file. But its name may be given to another
 * file at any moment by who removes it: that one is put back. */
static bool
rename_away(int dir_fd, const char *file, const struct stat *st,
	    const struct reason *reason, char name[NAME_MAX + 1])
{
	int rc = -EEXIST;

	for (int i = 0; i < NAME_TRIES && rc == -EEXIST; i++) {
		make_name(name, file, reason, i);
		rc = rename_new(dir_fd, file, name);
	}
	if (rc)
		return false;
	if (is_named(dir_fd, name, st))
		return true;
	rename_new(dir_fd, name, file);
	return false;
}

/* Two processes that open the same file must not both rename: the second would rename
 * the first one's new region. False: another process has the lock all the time. Where
 * there are no such locks, there is no protection but the check of the inode. */
static bool
lock_file(int fd)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
			return true;
		nanosleep(&(struct timespec){0, LOCK_STEP_NS}, NULL);
	}
	return false;
}

bool
fnt_region_set_aside(int dir_fd, const char *file, int fd, int code,
		     char notice[FNT_NOTICE_SIZE])
{
	char name[NAME_MAX + 1];
	struct reason reason;
	struct stat st;
	bool aside;

	if (fstat(fd, &st) || st.st_uid != geteuid() ||
	    !find_reason(&reason, file, fd, code) || !lock_file(fd))
		return false;
	if (!is_named(dir_fd, file, &st))
		return true;
	aside = rename_away(dir_fd, file, &st, &reason, name);
	if (aside)
		snprintf(notice, FNT_NOTICE_SIZE,
			 "%.150s was set aside as %.200s: %s; a new region was made",
			 file, name, reason.text);
	flock(fd, LOCK_UN);
	return aside || !is_named(dir_fd, file, &st);
}
