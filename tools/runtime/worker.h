/* SPDX-License-Identifier: MIT
 *
 * worker.h: a worker process: one call after another, until its parent is gone.
 */
#ifndef RUNTIME_WORKER_H
#define RUNTIME_WORKER_H

#include <fntrace/fntrace.h>

/* Serve what comes from `parent_fd`, with the log inherited through fork. Closes both.
 * The exit status. */
int worker_main(int parent_fd, const char *db_path, struct fnt_log *log);

#endif
