/* SPDX-License-Identifier: MIT */
#include "region/create.h"

#include "base/descriptor.h"
#include "base/error.h"
#include "region/file_space.h"
#include "region/header.h"
#include "region/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Everything but the header and the ring heads is zero until `init` is called. */
static bool
write_start(int fd, const struct fnt_header *header)
{
	struct fnt_ring_head heads[FNT_RINGS];
	uint64_t off = 0;

	for (uint32_t i = 0; i < header->section_count; i++)
		if (header->sections[i].kind == FNT_SECTION_RINGS)
			off = header->sections[i].off;
	fnt_header_init_rings(header, heads);
	return pwrite(fd, header, sizeof(*header), 0) == (ssize_t)sizeof(*header) &&
	       pwrite(fd, heads, sizeof(heads), (off_t)off) == (ssize_t)sizeof(heads);
}

/* Who may open it is settled before anything is in it. */
static int
set_access(int fd, const struct fnt_options *options, const char *path)
{
	bool group = options->flags & FNT_GROUP;

	if (group && fchown(fd, (uid_t)-1, options->gid))
		return fnt_fail(options->error, -errno,
				"%s: cannot give it to group %u: %s", path,
				options->gid, strerror(errno));
	if (fchmod(fd, group ? 0660 : 0600))
		return fnt_fail(options->error, -errno, "%s: cannot set its mode: %s",
				path, strerror(errno));
	return 0;
}

static int
fill(int fd, struct fnt_contents *contents, const char *path)
{
	const struct fnt_options *options = contents->options;
	struct fnt_header *header = &contents->header;
	int rc = set_access(fd, options, path);

	if (!rc)
		rc = fnt_file_space_allocate(fd, 0, header->size_bytes, path,
					     options->error);
	if (rc)
		return rc;
	fnt_file_space_clear(fd, header->size_bytes);
	fnt_header_note_file(header, fd);
	snprintf(header->notice, sizeof(header->notice), "%s", contents->notice);
	if (!write_start(fd, header))
		return fnt_fail(options->error, -errno,
				"%s: cannot write the new region: %s", path,
				strerror(errno));
	return contents->init(fd, header, options);
}

int
fnt_region_create_file(int dir_fd, const char *file, const char *path,
		       struct fnt_contents *contents)
{
	struct fnt_error *error = contents->options->error;
	char temp[FNT_TEMP_NAME_SIZE];
	int fd, rc;

	fnt_header_make(&contents->header, contents->options);
	fd = fnt_region_create_unnamed(dir_fd, temp, path, error);
	if (fd < 0)
		return fd;
	rc = fill(fd, contents, path);
	if (!rc) {
		rc = fnt_region_link(dir_fd, fd, temp, file);
		if (rc && rc != -EEXIST)
			fnt_fail(error, rc,
				 "%s: cannot give the new region this name: %s", path,
				 strerror(-rc));
	}
	if (*temp)
		unlinkat(dir_fd, temp, 0);
	close(fd);
	return rc;
}

int
fnt_region_create_memory(const char *label, struct fnt_contents *contents)
{
	int fd, rc;

	fnt_header_make(&contents->header, contents->options);
	fd = fnt_open_memory("fntrace");
	if (fd < 0)
		return fnt_fail(contents->options->error, -errno,
				"%s: memfd_create: %s; give the region a name", label,
				strerror(errno));
	rc = fill(fd, contents, label);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}
