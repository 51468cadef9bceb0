/* SPDX-License-Identifier: MIT
 *
 * scene_check.h: what scene.c uses of scene_check.c: the checksum of a record, and how
 * many calls the region counts.
 */
#ifndef FNT_TEST_SCENE_CHECK_H
#define FNT_TEST_SCENE_CHECK_H

#include "scene.h"

uint64_t scene_hash(const struct fnt_record_copy *raw);
uint64_t scene_total(const struct scene *scene);

#endif
