/* SPDX-License-Identifier: MIT
 *
 * produce REGION [CAPACITY]: records calls into a region as told by standard input, one
 * step per line; the data of the command-line tests. CAPACITY as in struct fnt_options;
 * "none" sets FNT_KEEP_NONE.
 *
 *      begin CALL FUNCTION TYPE [USER [TENANT [PARENT]]]    PARENT: an open call, or a
 *                                                           traceparent
 *      op CALL OP ENTITY ID MICROSECONDS ROWS ok|failed
 *      pend CALL OP ENTITY ID                               begun and not ended
 *      as CALL WORD ENTITY ok|failed|pend                   an op of a kind of its own
 *      await CALL WORD ok|failed|pend                       a wait
 *      stream CALL BYTES
 *      schedule CALL FUNCTION DELAY_MS RUN_AT_MS
 *      ok CALL [JSON]                                       JSON: the rest of the line
 *      msgpack CALL HEX                                     ok, with a value
 *      error CALL CODE MESSAGE
 *      rollback CALL CODE MESSAGE
 *      abandon CALL
 *      uid CALL, traceparent CALL                           print it
 *      push CALL FUNCTION UID PARENT TRACE START_NS TOOK_NS fnt_log_push; ids are hex
 *      many COUNT FUNCTION                                  empty calls m0, m1 …
 *      sleep MILLISECONDS
 *      touch FILE                                           create it, for a script
 *      wait FILE                                            until it exists
 *      die                                                  SIGKILL to itself
 *
 * "-" stands for none; \n and \s in a word stand for a newline and a space. An invalid
 * step ends the program with exit status 2.
 */
#include <fntrace/fntrace.h>

#include <inttypes.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 9
#define CALLS_MAX 64

static struct fnt_log *fnt_log;

static struct {
	char id[64];
	struct fnt_call *call;
} open_calls[CALLS_MAX];

static _Noreturn void
refuse(const char *what, const char *word)
{
	fprintf(stderr, "produce: %s: %s\n", what, word);
	exit(2);
}

/* ---- words ---------------------------------------------------------------------- */

static void
unescape(char *word)
{
	char *out = word;

	for (; *word; word++) {
		if (word[0] == '\\' && (word[1] == 'n' || word[1] == 's'))
			*out++ = *++word == 'n' ? '\n' : ' ';
		else
			*out++ = *word;
	}
	*out = '\0';
}

static const char *
or_null(const char *word)
{
	return !word || strcmp(word, "-") == 0 ? NULL : word;
}

static int64_t
or_none(const char *word)
{
	return or_null(word) ? strtoll(word, NULL, 10) : FNT_NONE;
}

/* Split a line at spaces; the entries of `words` after the last word are NULL. */
static void
split(char *line, char *words[WORDS_MAX + 1])
{
	char *rest = line;

	memset(words, 0, (WORDS_MAX + 1) * sizeof(*words));
	for (size_t i = 0; i < WORDS_MAX && rest; i++)
		words[i] = strsep(&rest, " ");
	for (size_t i = 0; words[i]; i++)
		unescape(words[i]);
}

/* ---- calls ---------------------------------------------------------------------- */

static struct fnt_call **
find(const char *id)
{
	for (size_t i = 0; id && i < CALLS_MAX; i++)
		if (open_calls[i].call && strcmp(open_calls[i].id, id) == 0)
			return &open_calls[i].call;
	refuse("no open call", id ? id : "(none)");
}

static void
begin(char **words)
{
	struct fnt_call_info info = {
		.call_id = words[1],
		.fn_name = words[2],
		.user_id = or_null(words[4]),
		.tenant_id = or_null(words[5]),
	};
	int type = words[3] ? fnt_fn_type_parse(words[3], strlen(words[3])) : -1;
	size_t i = 0;

	if (type < 0)
		refuse("begin CALL FUNCTION TYPE", "what type?");
	info.fn_type = (enum fnt_fn_type)type;
	if (or_null(words[6]) && strlen(words[6]) == 55)
		info.traceparent = words[6];
	else if (or_null(words[6]))
		info.parent = *find(words[6]);
	while (i < CALLS_MAX && open_calls[i].call)
		i++;
	if (i == CALLS_MAX)
		refuse("too many open calls", words[1]);
	snprintf(open_calls[i].id, sizeof(open_calls[i].id), "%s", words[1]);
	open_calls[i].call = fnt_call_begin(fnt_log, &info);
}

static enum fnt_op
parse_op(const char *word)
{
	int op = word ? fnt_op_parse(word, strlen(word)) : -1;

	if (op < 0)
		refuse("no such op", word ? word : "(none)");
	return (enum fnt_op)op;
}

static void
op(char **words)
{
	if (!words[7])
		refuse("op", "too few words");
	fnt_call_op(*find(words[1]), parse_op(words[2]), words[3], or_null(words[4]),
		    strtoull(words[5], NULL, 10) * 1000, or_none(words[6]),
		    strcmp(words[7], "ok") == 0);
}

static void
finish(char **words, const char *rest)
{
	struct fnt_value value = {FNT_VALUE_JSON, rest, strlen(rest)};
	struct fnt_call **call = find(words[1]);

	if (strcmp(words[0], "ok") == 0)
		fnt_call_finish_ok(*call, rest[0] ? &value : NULL);
	else if (strcmp(words[0], "error") == 0)
		fnt_call_finish_error(*call, words[2], words[3]);
	else if (strcmp(words[0], "rollback") == 0)
		fnt_call_finish_rolled_back(*call, words[2], words[3]);
	else
		fnt_call_abandon(*call);
	*call = NULL;
}

static void
finish_msgpack(char **words)
{
	char bytes[1024], digits[3] = "";
	struct fnt_value value = {FNT_VALUE_MSGPACK, bytes, 0};
	struct fnt_call **call = find(words[1]);

	for (const char *at = words[2] ? words[2] : ""; at[0] && at[1]; at += 2) {
		if (value.len == sizeof(bytes))
			refuse("too long", words[2]);
		memcpy(digits, at, 2);
		bytes[value.len++] = (char)strtoul(digits, NULL, 16);
	}
	fnt_call_finish_ok(*call, &value);
	*call = NULL;
}

static void
put_traceparent(const char *id)
{
	char text[56];

	fnt_call_traceparent(*find(id), text);
	puts(text);
}

static void
push(char **words)
{
	struct fnt_trace trace = {
		.call_id = words[1],
		.fn_name = words[2],
		.outcome = FNT_OK,
	};

	if (!words[7])
		refuse("push", "too few words");
	trace.uid = strtoull(words[3], NULL, 16);
	trace.parent_uid = strtoull(words[4], NULL, 16);
	trace.trace_id[1] = strtoull(words[5], NULL, 16);
	trace.started_at_ns = strtoull(words[6], NULL, 10);
	trace.duration_ns = strtoull(words[7], NULL, 10);
	if (fnt_log_push(fnt_log, &trace) < 0)
		refuse("push", words[1]);
}

static void
many(const char *count, const char *fn_name)
{
	for (unsigned long i = 0; i < strtoul(count, NULL, 10); i++) {
		char id[32];
		struct fnt_call_info info = {.call_id = id, .fn_name = fn_name};

		snprintf(id, sizeof(id), "m%lu", i);
		fnt_call_finish_ok(fnt_call_begin(fnt_log, &info), NULL);
	}
}

/* ---- steps ---------------------------------------------------------------------- */

static void
touch(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		refuse("cannot make", file);
	close(fd);
}

/* An op of a kind of its own, or a wait (`words` without an entity). */
static void
op_or_wait(char **words, bool wait)
{
	struct fnt_call *call = *find(words[1]);
	const char *how = words[wait ? 3 : 4];
	int64_t handle = wait ? fnt_call_wait_begin(call, words[2])
			      : fnt_call_op_begin_as(call, words[2], words[3], NULL);

	if (strcmp(how, "pend") != 0)
		fnt_call_op_end(call, handle, FNT_NONE, strcmp(how, "ok") == 0);
}

static bool
step_call(char **words, const char *rest)
{
	const char *verb = words[0];

	if (strcmp(verb, "begin") == 0)
		begin(words);
	else if (strcmp(verb, "op") == 0)
		op(words);
	else if (strcmp(verb, "pend") == 0)
		fnt_call_op_begin(*find(words[1]), parse_op(words[2]), words[3],
				  or_null(words[4]));
	else if (strcmp(verb, "as") == 0 || strcmp(verb, "await") == 0)
		op_or_wait(words, strcmp(verb, "await") == 0);
	else if (strcmp(verb, "stream") == 0)
		fnt_call_stream_chunk(*find(words[1]), strtoull(words[2], NULL, 10));
	else if (strcmp(verb, "schedule") == 0)
		fnt_call_schedule(*find(words[1]), words[2], or_none(words[3]),
				  or_none(words[4]));
	else if (strcmp(verb, "uid") == 0)
		printf("%016" PRIx64 "\n", fnt_call_uid(*find(words[1])));
	else if (strcmp(verb, "traceparent") == 0)
		put_traceparent(words[1]);
	else if (strcmp(verb, "push") == 0)
		push(words);
	else if (strcmp(verb, "msgpack") == 0)
		finish_msgpack(words);
	else if (strcmp(verb, "ok") == 0 || strcmp(verb, "error") == 0 ||
		 strcmp(verb, "rollback") == 0 || strcmp(verb, "abandon") == 0)
		finish(words, rest);
	else
		return false;
	return true;
}

static void
step(char **words, const char *rest)
{
	const char *verb = words[0], *word = words[1] ? words[1] : "";

	if (step_call(words, rest))
		fflush(stdout);
	else if (strcmp(verb, "many") == 0)
		many(word, words[2]);
	else if (strcmp(verb, "sleep") == 0)
		usleep((useconds_t)strtoul(word, NULL, 10) * 1000);
	else if (strcmp(verb, "touch") == 0)
		touch(word);
	else if (strcmp(verb, "wait") == 0)
		while (access(word, F_OK) != 0)
			usleep(5000);
	else if (strcmp(verb, "die") == 0)
		raise(SIGKILL);
	else if (verb[0] != '\0' && verb[0] != '#')
		refuse("no such step", verb);
}

int
main(int argc, char **argv)
{
	struct fnt_error error;
	struct fnt_options options = {.error = &error};
	char *line = NULL, *words[WORDS_MAX + 1];
	size_t room = 0;
	ssize_t len;

	if (argc > 2 && strcmp(argv[2], "none") == 0)
		options.flags = FNT_KEEP_NONE;
	else if (argc > 2)
		options.capacity = strtoull(argv[2], NULL, 10);
	if (argc < 2)
		refuse("usage", "produce REGION [CAPACITY] < STEPS");
	if (fnt_log_open(&fnt_log, argv[1], &options) < 0)
		refuse(argv[1], error.message);
	while ((len = getline(&line, &room, stdin)) > 0) {
		char *copy = strdup(line), *rest = copy;

		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		rest[strcspn(rest, "\n")] = '\0';
		for (int i = 0; i < 2; i++)
			rest += strcspn(rest, " ") + (rest[strcspn(rest, " ")] != '\0');
		split(line, words);
		step(words, rest);
		free(copy);
	}
	free(line);
	fnt_log_close(fnt_log);
	return 0;
}
