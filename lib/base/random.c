/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

void
fnt_random(void *bytes, size_t size)
{
	unsigned char *at = bytes;

	while (size) {
		ssize_t got = getrandom(at, size, 0);

		if (got > 0) {
			at += got;
			size -= (size_t)got;
		} else if (errno != EINTR) {
			abort(); /* no getrandom: older than Linux 3.17 */
		}
	}
}

uint64_t
fnt_boot_id(void)
{
	char text[40];
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a, 64 bits */
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof(text));
	close(fd);
	for (ssize_t i = 0; i < got; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
	return got > 0 ? hash : 0;
}
