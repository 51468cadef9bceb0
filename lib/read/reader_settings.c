/* SPDX-License-Identifier: MIT
 *
 * reader_settings.c: the settings in force, as a reader sees them.
 */
#include "control/controller.h"
#include "read/attached.h"

int
fnt_reader_settings(struct fnt_reader *reader, struct fnt_settings_list **list)
{
	int rc = fnt_reader_ensure_fresh(reader);

	if (!rc)
		rc = fnt_control_list_settings(&reader->region.view, list);
	if (rc)
		return rc;
	rc = fnt_reader_ensure_fresh(reader);
	if (rc)
		fnt_settings_free(*list);
	return rc;
}
