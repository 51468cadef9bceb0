/* SPDX-License-Identifier: MIT
 *
 * control.h: read and change a region's settings and rings, from outside, while it is
 * in use.
 *
 * Settings live in the region. Every process that writes to the region follows a change
 * with the next call that it begins. A call keeps the settings that were in force when
 * it began.
 *
 *   key             value                        default  meaning
 *   enabled         on, off                      on       record and count calls
 *   keep            0 to 1                       1        share of the trees to record
 *   slow            off, 200us, 1.5s, up to 24h  off      record calls of at least that
 *   keep_errors     on, off                      on       record calls that failed
 *   rate            off, 1 to 4294967295         off      record at most so many calls
 *                                                         a second of each function
 *   capture.values  on, off, hash                on       results
 *   capture.ids     on, off, hash                on       ids of operations
 *   capture.users   on, off, hash                on       user and tenant ids
 *
 * The value `default` unsets a key.
 *
 * Overrides are settings for the functions of one name (`todo:list`), or of all names
 * with a prefix (`todo:*`). Each key is looked up by itself: the override of the exact
 * name is used if it sets the key, else that of the longest prefix that does, else what
 * is set for all functions, else the default.
 *
 * Sampling is decided when a call has finished. A call is recorded if it failed and
 * `keep_errors` is on, or if it was slow. Any other call is recorded if its tree is in
 * the share `keep` and its function is within this second's `rate`. Trees are chosen by
 * a hash of their trace id: all processes decide alike, and the trees of a smaller
 * share are among those of a larger one. Calls that are not recorded take no room in
 * the ring and are counted (fnt_stat.sampled, fnt_stat.limited). Calls of processes
 * that died are always recorded.
 *
 * Two processes that call a new function at the same instant may, if one of them is
 * interrupted just there, give it two entries in the region; it then has twice the
 * rate.
 *
 * `hash` replaces a text by "h:" and 16 hexadecimal digits: SipHash-2-4 with a random
 * key of the region. Equal texts in one region stay equal. Whoever can read the region
 * can read its key and test guesses; a file made by rotation does not contain the key.
 * For `capture.values` the bytes of the result are hashed. Call ids, names, and the
 * codes and messages of errors are always recorded as they are.
 *
 * Rules for every function here, unless its comment says otherwise:
 *  - Threads: any thread, but one thread at a time for one struct fnt_control.
 *  - Progress: all make system calls and allocate memory. What changes a region takes
 *    the region's control lock: it waits for it for up to five seconds, then returns
 *    -EBUSY. Producers never wait for that lock.
 *  - Signals: no function is async-signal-safe.
 *  - fork: afterwards use a struct fnt_control in one of the two processes only.
 *  - Arguments: no pointer may be NULL, except `error`: a failure is then not
 *    described.
 *  - Returns: 0 or a negative errno, with a message in `error`. A function that fails
 *    has changed nothing.
 */
#ifndef FNTRACE_CONTROL_H
#define FNTRACE_CONTROL_H

#include <fntrace/fntrace.h>
#include <fntrace/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fnt_control;

/* Open a region for changes: `region` as for fnt_reader_open, or the region that
 * process `pid` has mapped. It must exist and be writable. 0: close *control with
 * fnt_control_close. -EACCES: no permission to write; else as for fnt_reader_open and
 * fnt_reader_open_pid. */
FNT_API int fnt_control_open(struct fnt_control **control, const char *region,
			     struct fnt_error *error);
FNT_API int fnt_control_open_pid(struct fnt_control **control, int32_t pid,
				 struct fnt_error *error);
/* NULL is ignored. */
FNT_API void fnt_control_close(struct fnt_control *control);

/* What was opened, for messages: the path, or "region without a name". Lives as long as
 * `control`. */
FNT_API const char *fnt_control_path(const struct fnt_control *control);

/* ---- settings ------------------------------------------------------------------- */

enum fnt_capture {
	FNT_CAPTURE_OFF = 0,
	FNT_CAPTURE_ON,
	FNT_CAPTURE_HASH,
};

/* Bits of fnt_settings.set, one for each key. */
#define FNT_SET_ENABLED 0x01u
#define FNT_SET_KEEP 0x02u
#define FNT_SET_SLOW 0x04u
#define FNT_SET_KEEP_ERRORS 0x08u
#define FNT_SET_RATE 0x10u
#define FNT_SET_CAPTURE_VALUES 0x20u
#define FNT_SET_CAPTURE_IDS 0x40u
#define FNT_SET_CAPTURE_USERS 0x80u

/* Values of all keys. A key that is not set has its default value here. */
struct fnt_settings {
	uint32_t set; /* FNT_SET_* */
	bool enabled;
	bool keep_errors;
	enum fnt_capture capture_values;
	enum fnt_capture capture_ids;
	enum fnt_capture capture_users;
	double keep;	  /* 0 to 1 */
	uint64_t slow_ns; /* 0: off */
	uint64_t rate;	  /* calls a second; 0: off */
	uint64_t reserved[4];
};

struct fnt_override {
	const char *fn_name; /* "todo:list", "todo:*": valid UTF-8 */
	struct fnt_settings settings;
};

struct fnt_settings_list {
	struct fnt_settings all; /* for all functions */
	size_t count;
	const struct fnt_override *overrides; /* ordered by name */
	size_t overrides_max;		      /* that the region has room for */
};

/* The settings in force at one moment. Free *list with fnt_settings_free. Takes no
 * lock. 0; -ENOMEM; -EAGAIN: they were being changed all the time; of a reader also
 * -ESTALE. */
FNT_API int fnt_control_get(struct fnt_control *control,
			    struct fnt_settings_list **list);
FNT_API int fnt_reader_settings(struct fnt_reader *reader,
				struct fnt_settings_list **list);
/* NULL is ignored. */
FNT_API void fnt_settings_free(struct fnt_settings_list *list);

/* Set `count` keys, each a text "KEY=VALUE", for all functions (`fn` NULL) or for those
 * with the name or prefix `fn`: 1 to 255 bytes, and a '*' after a prefix. All of them
 * take effect at one moment, or none does.
 *
 * -EINVAL: an unknown key, a value out of range, or a bad name; the message says what
 * is allowed. -ENOSPC: no room for another override. -EBUSY: the lock. -ENOMEM.
 * -EAGAIN: the settings can't be read. -EIO: the file has no settings, or was cut
 * short. -EROFS: it was made by a rotation, and no live process writes to it. */
FNT_API int fnt_control_set(struct fnt_control *control, const char *fn,
			    const char *const *assignments, size_t count,
			    struct fnt_error *error);

/* Remove the override `fn`; NULL: remove all overrides and unset all keys. -ENOENT:
 * there is no such override; else as for fnt_control_set. */
FNT_API int fnt_control_reset(struct fnt_control *control, const char *fn,
			      struct fnt_error *error);

/* The name of key `number`, from 0; NULL past the last. A static string. Any thread,
 * signal handlers included. Wait-free. */
FNT_API const char *fnt_setting_key(size_t number);

/* The keys that are set, as text: "keep=0.1 slow=50ms", or "" for none. Writes at most
 * `size` bytes with the NUL to `text`, and returns `text`; 512 bytes are always enough.
 * Any thread. Wait-free. */
FNT_API char *fnt_settings_text(const struct fnt_settings *settings, char *text,
				size_t size);

/* ---- the rings ------------------------------------------------------------------- */

/* The rings after a change. Where `rings` is an output it may be NULL.
 *
 * A resize or a rotation begins new rings; the earlier ones stay in the file until
 * nobody uses them. The next tool, or process that opens the region, then returns their
 * space to the file system. `waiting_bytes` is what they still take; `threads`,
 * `readers` and `shown` say who uses them. */
struct fnt_rings {
	uint64_t size_bytes; /* of the region: its tables and the newest rings */
	uint64_t cells;	     /* of 256 bytes, in the main ring */
	uint64_t kept_cells; /* in the kept ring (kept_percent in fntrace.h) */
	uint64_t given_back; /* bytes returned to the file system by this change */
	uint64_t waiting_bytes;
	/* Threads that may still write into the earlier rings: idle, or stopped. */
	uint32_t threads;
	/* Processes that are querying their own log now. */
	uint32_t readers;
	/* The earlier rings are still read, as the new ones are not full. */
	bool shown;
	uint64_t frozen; /* records in the new file (rotate) */
	char path[1024]; /* the new file (rotate) */
	uint64_t reserved[8];
};

/* Give the region another size while it is in use: `size_bytes`, 256 KiB to 64 GiB,
 * counts everything. The tables for processes, calls in flight and names keep their
 * size; both rings share what is left. The new rings need room beside the old ones for
 * a while. Records stay as far as they fit: the old rings are read until the new ones
 * have been filled once. Cursors go on. Killed at any moment, this leaves a sound
 * region of the old or the new size.
 *
 * -EINVAL: too small for the tables or for the longest record, or too large. -ENOSPC.
 * -EBUSY: the lock; or several earlier rings are still in use. -EIO: the file was cut
 * short. */
FNT_API int fnt_control_resize(struct fnt_control *control, uint64_t size_bytes,
			       struct fnt_rings *rings, struct fnt_error *error);

/* Move all records into a file of their own, a region that every reader can read, and
 * go on with empty rings. `path`: the file; NULL: NAME.YYYYmmdd-HHMMSS.fnt (UTC) beside
 * the region. Calls in flight stay in flight, and counts go on. Takes at least a tenth
 * of a second, in which cursors read the old rings to their end.
 *
 * The file gets the region's group and mode, and if root makes it its owner. Without a
 * `path` it is made only in a directory that has the region: not at a path that means
 * something else here, as after fnt_control_open_pid with another mount namespace.
 *
 * -EEXIST: the file exists; nothing is overwritten. -ENOENT: `path` is NULL, and the
 * region is not at its path. -EPERM: this process can't give the file to the region's
 * group. -EINVAL: the region has no name and `path` is NULL; or `path` does not name a
 * file. -ENAMETOOLONG. -ENOSPC, -ENOMEM, and
 * what writing the file returns. -EUSERS: as for fnt_control_reap. -EBUSY: the lock; or
 * a process was stopped while it writes a record. New rings are then in use, the old
 * records are still in the region, and nothing is lost: continue the process, and
 * rotate again. -EIO: the file was cut short.
 *
 * Killed at any moment, this loses nothing: records that are not in a file stay in the
 * region for the next rotation. (If it is killed after the file has its name and before
 * the records leave the region, they are in both.) */
FNT_API int fnt_control_rotate(struct fnt_control *control, const char *path,
			       struct fnt_rings *rings, struct fnt_error *error);

/* Recover what dead processes left: their calls in flight become records with outcome
 * FNT_ABORTED. *count: the number of these processes. Also returns the space of earlier
 * rings that nobody uses. -EUSERS: live processes have all process slots, and recovery
 * needs one. -EBUSY: the lock. -EIO: the file was cut short. */
FNT_API int fnt_control_reap(struct fnt_control *control, uint32_t *count,
			     struct fnt_rings *rings, struct fnt_error *error);

/* Remove the region's file. *alive, also on -EBUSY: the number of live processes that
 * write to it. If there are any, `force` is required; they then go on in a file without
 * a name, which is gone when they are. Takes no lock. -EBUSY: live processes, and no
 * `force`. -ENOENT: the region has no name, or its name is that of another file by now;
 * else -errno of removing it. */
FNT_API int fnt_control_remove(struct fnt_control *control, bool force, uint32_t *alive,
			       struct fnt_error *error);

#ifdef __cplusplus
}
#endif
#endif
