/* SPDX-License-Identifier: MIT
 *
 * settings_text.h: the limits of settings, and settings as text. Within settings only.
 */
#ifndef FNT_SETTINGS_SETTINGS_TEXT_H
#define FNT_SETTINGS_SETTINGS_TEXT_H

#include "settings/settings.h"

#define FNT_SLOW_MAX_NS (24ull * 3600 * 1000000000)
#define FNT_RATE_MAX UINT32_MAX

#endif
