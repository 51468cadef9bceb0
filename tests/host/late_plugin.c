/* SPDX-License-Identifier: MIT
 *
 * late_plugin.c: a shared object whose constructor uses the log, while the loader that
 * runs it holds its lock. See late_load.c.
 */
void use_log_in_constructor(void);

static __attribute__((constructor)) void
constructor(void)
{
	use_log_in_constructor();
}
