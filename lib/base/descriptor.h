/* SPDX-License-Identifier: MIT
 *
 * descriptor.h: open files on descriptors above 2.
 *
 * Numbers 0, 1 and 2 are the host's, also while they are closed: what the host then
 * prints would go into our file. open(2) returns the lowest number that is free. So
 * those of 0 to 2 that are free are occupied first, by a descriptor that can be neither
 * read nor written (O_PATH), and given back afterwards. Nothing in lib/ opens a file in
 * another way (tests/calls.sh).
 *
 * If another thread gives them back in between, the new descriptor is moved above 2
 * and the low one is closed.
 *
 * All of these set O_CLOEXEC. They return what the functions of libc return that they
 * stand for, with errno set on failure and unchanged on success. Any thread; they make
 * system calls; the last two allocate.
 */
#ifndef FNT_BASE_DESCRIPTOR_H
#define FNT_BASE_DESCRIPTOR_H

#include <dirent.h>
#include <stdio.h>
#include <sys/types.h>

/* open(2) without O_CREAT. A descriptor above 2, or -1. */
int fnt_open(const char *path, int flags);

/* openat(2). `mode` is used if the flags create a file. A descriptor above 2, or -1. */
int fnt_open_at(int dir_fd, const char *path, int flags, mode_t mode);

/* memfd_create(2), of a file that can be sealed. A descriptor above 2, or -1. */
int fnt_open_memory(const char *name);

/* fopen(3) for reading. fclose() it; NULL on failure. */
FILE *fnt_open_stream(const char *path);

/* opendir(3) of a path that is relative to `dir_fd`. closedir() it; NULL on failure. */
DIR *fnt_open_listing(int dir_fd, const char *path);

#endif
