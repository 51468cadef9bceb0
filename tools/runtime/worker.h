/* SPDX-License-Identifier: MIT
 *
 * worker.h: a worker process: runs one call after another until its parent has gone.
 */
#ifndef RUNTIME_WORKER_H
#define RUNTIME_WORKER_H

#include <fntrace/fntrace.h>

/* Run the requests that come from `parent_fd`, and record them into the log inherited
 * through fork. Closes both. Returns the exit status. */
int worker_main(int parent_fd, const char *db_path, struct fnt_log *log);

#endif
