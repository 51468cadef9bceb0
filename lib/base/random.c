/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/siphash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <unistd.h>

/* Fill bytes from getrandom(2). Returns how many it gave. */
static size_t
from_kernel(unsigned char *bytes, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t got = getrandom(bytes + have, size - have, GRND_NONBLOCK);

		if (got > 0)
			have += (size_t)got;
		else if (got == 0 || errno != EINTR)
			break;
	}
	return have;
}

static size_t
from_device(unsigned char *bytes, size_t size)
{
	int fd = fnt_open("/dev/urandom", O_RDONLY | O_NOFOLLOW);
	size_t have = 0;

	if (fd < 0)
		return 0;
	while (have < size) {
		ssize_t got = read(fd, bytes + have, size - have);

		if (got > 0)
			have += (size_t)got;
		else if (got == 0 || errno != EINTR)
			break;
	}
	close(fd);
	return have;
}

/* Make bytes that differ in each process, thread and call. True: the key is secret. */
static bool
from_program(unsigned char *bytes, size_t size)
{
	static _Atomic uint64_t count;
	const void *given = (const void *)getauxval(AT_RANDOM);
	uint64_t key[2] = {0, 0}, word;
	uint64_t seed[5] = {
		fnt_clock_ns(CLOCK_REALTIME),
		fnt_clock_mono(),
		(uint64_t)getpid(),
		(uint64_t)(uintptr_t)&key,
	};

	if (given)
		memcpy(key, given, sizeof(key));
	while (size) {
		size_t now = size < sizeof(word) ? size : sizeof(word);

		seed[4] = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
		word = fnt_siphash(key, seed, sizeof(seed));
		memcpy(bytes, &word, now);
		bytes += now;
		size -= now;
	}
	return given != NULL;
}

bool
fnt_random(void *bytes, size_t size)
{
	unsigned char *at = bytes;
	size_t have = from_kernel(at, size);

	if (have < size)
		have += from_device(at + have, size - have);
	return have == size || from_program(at + have, size - have);
}

uint64_t
fnt_boot_id(void)
{
	char text[40];
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a, 64 bits */
	int fd = fnt_open("/proc/sys/kernel/random/boot_id", O_RDONLY);
	ssize_t got;

	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof(text));
	close(fd);
	for (ssize_t i = 0; i < got; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
	return got > 0 ? hash : 0;
}
