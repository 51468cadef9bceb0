/* SPDX-License-Identifier: MIT
 *
 * control.h: a region's settings, read and changed from outside while it is in use.
 *
 * Settings live in the region. Every process that traces into it follows a change at
 * the next call that it begins: a call goes by the settings that were in force when it
 * began.
 *
 *   key             value                         default  says
 *   enabled         on, off                       on       record and count calls
 *   keep            0 to 1                        1        share of the trees to keep
 *   slow            off, 200us, 1.5s, up to 24h   off      keep calls that take as long
 *   keep_errors     on, off                       on       keep those that failed
 *   rate            off, 0 to 4294967295          off      keep so many a second of
 *                                                          each function
 *   capture.values  on, off, hash                 on       results
 *   capture.ids     on, off, hash                 on       ids of operations
 *   capture.users   on, off, hash                 on       user and tenant ids
 *
 * A key's value may also be `default`: it is no longer set.
 *
 * Overrides are for the functions of a name (`todo:list`), or of all names that begin
 * so, as `todo:*` says. Each key goes by the most specific override that sets it: the
 * exact name, else the longest beginning; else by what is set for all functions; else
 * by the default.
 *
 * What is kept is decided when a call has finished: always, if `keep_errors` is on and
 * it failed, or if it was slow; otherwise its tree has to be of the share that `keep`
 * says, and its function must have some of this second's `rate` left. Trees are chosen
 * by a hash of their trace id, so that one is kept or left out whole in every process,
 * and what a smaller share keeps a larger one keeps too. What is left out takes no room
 * in the ring and is counted (fnt_stat.sampled, limited). Calls whose process has died
 * are always kept.
 *
 * A function that several processes call for the first time in the same instant may, if
 * one of them is interrupted just there, be in the region under two numbers, and then
 * has two rates.
 *
 * `hash` puts "h:" and 16 hexadecimal digits in place of a text: SipHash-2-4, with a
 * random key of the region. Equal texts of one region stay equal; who can read the
 * region has the key too, and can try what he suspects; a rotated copy is without it. A
 * result becomes the hash of its bytes. Call ids, names, and errors' codes and messages
 * are recorded as they are.
 *
 * Rules: one thread at a time for one struct fnt_control; not async-signal-safe; after
 * fork use it in one of the two processes. 0 or a negative errno, with a message. A
 * function that fails has changed nothing. Makes system calls, and waits up to five
 * seconds, then -EBUSY, for another that changes the same region; producers never wait
 * for it.
 */
#ifndef FNTRACE_CONTROL_H
#define FNTRACE_CONTROL_H

#include <fntrace/fntrace.h>
#include <fntrace/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fnt_control;

/* Open the region for changes: `region` as for fnt_reader_open, or the one that process
 * `pid` has mapped. It must be there, and writable: -EACCES. Blocks in the kernel
 * (files). */
FNT_API int fnt_control_open(struct fnt_control **control, const char *region,
			     struct fnt_error *error);
FNT_API int fnt_control_open_pid(struct fnt_control **control, int32_t pid,
				 struct fnt_error *error);
FNT_API void fnt_control_close(struct fnt_control *control);

/* What was opened, for messages; lives as long as it. */
FNT_API const char *fnt_control_path(const struct fnt_control *control);

/* ---- settings ------------------------------------------------------------------- */

enum fnt_capture {
	FNT_CAPTURE_OFF = 0,
	FNT_CAPTURE_ON,
	FNT_CAPTURE_HASH,
};

#define FNT_SET_ENABLED 0x01u
#define FNT_SET_KEEP 0x02u
#define FNT_SET_SLOW 0x04u
#define FNT_SET_KEEP_ERRORS 0x08u
#define FNT_SET_RATE 0x10u
#define FNT_SET_CAPTURE_VALUES 0x20u
#define FNT_SET_CAPTURE_IDS 0x40u
#define FNT_SET_CAPTURE_USERS 0x80u

/* What is not set has its default value here. */
struct fnt_settings {
	uint32_t set; /* FNT_SET_* */
	bool enabled;
	bool keep_errors;
	enum fnt_capture capture_values;
	enum fnt_capture capture_ids;
	enum fnt_capture capture_users;
	double keep;	  /* 0 to 1 */
	uint64_t slow_ns; /* 0: off */
	uint64_t rate;	  /* 0: off */
	uint64_t reserved[4];
};

struct fnt_override {
	const char *fn_name; /* "todo:list", "todo:*": valid UTF-8 */
	struct fnt_settings settings;
};

struct fnt_settings_list {
	struct fnt_settings all;
	size_t count;
	const struct fnt_override *overrides; /* by name */
	size_t overrides_max;
};

/* The settings in force, of one moment. Free with fnt_settings_free. -ENOMEM, -EAGAIN
 * (they were being rewritten all the time), and of a reader -ESTALE. */
FNT_API int fnt_control_get(struct fnt_control *control,
			    struct fnt_settings_list **list);
FNT_API int fnt_reader_settings(struct fnt_reader *reader,
				struct fnt_settings_list **list);
FNT_API void fnt_settings_free(struct fnt_settings_list *list);

/* Set `count` keys, each a text "KEY=VALUE", for all functions (`fn` NULL) or for those
 * of the name or beginning `fn`, 1 to 255 bytes (and a '*'). All of them at one moment,
 * or none. -EINVAL (a key that there is none of, a value out of range, a bad name: the
 * message says what there is), -ENOSPC (the table of overrides is full), -EBUSY,
 * -ENOMEM, -EIO (the region's file has no settings or was cut short), -EROFS (it was
 * frozen by a rotation, and no live process writes to it). */
FNT_API int fnt_control_set(struct fnt_control *control, const char *fn,
			    const char *const *assignments, size_t count,
			    struct fnt_error *error);

/* All keys of `fn` back to what applies to it without an override; `fn` NULL:
 * everything, overrides too, to its default. -ENOENT: `fn` has no override. Else as for
 * fnt_control_set. */
FNT_API int fnt_control_reset(struct fnt_control *control, const char *fn,
			      struct fnt_error *error);

/* The keys, by number from 0; NULL past the last. Static. Any thread, any time. */
FNT_API const char *fnt_setting_key(size_t number);

/* What is set, as text: "keep=0.1 slow=50ms", "" for nothing. At most `size` bytes with
 * the NUL; 512 is always enough. Returns `text`. Any thread, any time. */
FNT_API char *fnt_settings_text(const struct fnt_settings *settings, char *text,
				size_t size);

/* ---- the rings --------------------------------------------------------------------- */

/* What became of the rings. */
struct fnt_rings {
	uint64_t
		size_bytes; /* of the region: its sections and the rings that are written */
	uint64_t cells, kept_cells;
	uint64_t given_back; /* bytes that the file system has got back just now */
	/* Earlier rings that still take room: they are given back by whoever comes next (a
	 * tool, a process that opens the region) and finds none of these: */
	uint64_t waiting_bytes;
	uint32_t threads; /* that hold tickets of them: they wait, or are stopped */
	uint32_t readers; /* processes that read their own log just now */
	bool shown; /* their records are still to be had: the new rings are not full */
	uint64_t frozen; /* records put into the file (rotate) */
	char path[1024]; /* the file (rotate) */
	uint64_t reserved[8];
};

/* Give the region another size, while it is in use: all of it, in bytes, 256 KiB to 64 GiB;
 * the tables for processes, calls in flight and names stay as they are, both rings get what
 * is left. Growing needs room for the new rings beside the old ones, for a while. Records
 * stay as many as fit: the old rings are read until the new ones have been filled once, and
 * given back then. Followers go on. -EINVAL (too small for the tables or the longest
 * record), -ENOSPC, -EBUSY (earlier rings are still in use, several of them). `rings` may be
 * NULL. Killed at any moment it leaves the region sound, in the old size or the new. */
FNT_API int fnt_control_resize(struct fnt_control *control, uint64_t size_bytes,
			       struct fnt_rings *rings, struct fnt_error *error);

/* Freeze all records that are there into a file of their own, a region that every reader
 * reads, and go on in empty rings. `path` NULL: NAME.YYYYmmdd-HHMMSS.fnt (UTC) beside the
 * region. Nothing is overwritten: -EEXIST. Calls in flight stay in flight; counts go on.
 * -EBUSY also: a process has been stopped while it writes a record; nothing is lost, the
 * rings have gone on and the old records are still there: continue it, and rotate again.
 * Killed at any moment it loses nothing: what has not been frozen stays in the region, for
 * the next to freeze. (Killed between giving the file its name and taking the records out
 * of the region, they are in both.) */
FNT_API int fnt_control_rotate(struct fnt_control *control, const char *path,
			       struct fnt_rings *rings, struct fnt_error *error);

/* Take up what dead processes have left: their calls become aborted records. *count: so many
 * processes. What of earlier rings nobody holds any more is given back. -EUSERS (all process
 * slots taken by live ones). */
FNT_API int fnt_control_reap(struct fnt_control *control, uint32_t *count,
			     struct fnt_rings *rings, struct fnt_error *error);

/* Remove the region's file. While live processes have it open (*alive: so many) only with
 * `force`: they go on in a file without a name, which goes when they do. -EBUSY; -ENOENT (it
 * has no name, or its name is another file's by now). */
FNT_API int fnt_control_remove(struct fnt_control *control, bool force, uint32_t *alive,
			       struct fnt_error *error);

#ifdef __cplusplus
}
#endif
#endif
