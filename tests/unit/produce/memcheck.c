/* SPDX-License-Identifier: MIT
 *
 * memcheck.c: a host under Memcheck, which must report no error in the texts that the
 * host passes: texts of all lengths, in heap blocks that end with them.
 */
#include <fntrace/fntrace.h>

#include <stdlib.h>
#include <string.h>

#define LONGEST 60u

static char *
text_of(unsigned len)
{
	char *text = malloc(len + 1);

	if (!text)
		exit(EXIT_FAILURE);
	memset(text, 'a', len);
	text[len] = '\0';
	return text;
}

static int
record(struct fnt_log *log, const char *fn, const char *a, const char *b)
{
	struct fnt_call *call = fnt_call_begin(
		log,
		&(struct fnt_call_info){
			.call_id = a, .fn_name = fn, .user_id = b, .tenant_id = a});
	int64_t op;

	if (fnt_call_op(call, FNT_OP_GET, fn, a, 5, 1, true))
		return -1;
	op = fnt_call_op_begin(call, FNT_OP_GET, fn, b);
	if (fnt_call_op_end(call, op, 1, true))
		return -1;
	return fnt_call_finish_error(call, a, b);
}

int
main(void)
{
	struct fnt_log *log;
	int rc = fnt_log_open(&log, NULL, NULL);

	/* Twice, so that the names are known the second time. */
	for (unsigned i = 0; !rc && i <= 2 * LONGEST + 1; i++) {
		unsigned len = i / 2;
		char *fn = text_of(len % 24 + 1), *a = text_of(len);
		char *b = text_of(LONGEST - len);

		rc = record(log, fn, a, b);
		rc = rc ? rc : record(log, fn, b, a);
		free(fn);
		free(a);
		free(b);
	}
	fnt_log_close(log);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
