/* SPDX-License-Identifier: MIT */
#include <fntrace/fntrace.h>

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor, patch)                                              \
	TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *
fnt_version(void)
{
	return VERSION_TEXT(FNT_VERSION_MAJOR, FNT_VERSION_MINOR, FNT_VERSION_PATCH);
}
