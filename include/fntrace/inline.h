/* SPDX-License-Identifier: MIT
 *
 * inline.h: inline forms of functions that fntrace.h declares. Part of fntrace.h, which
 * includes it at its end; not an interface of its own.
 *
 * An optimisation with no effect on what the functions do:
 *  - a NULL call, as fnt_call_begin returns where nothing is traced, makes no call into
 *    the library;
 *  - fnt_call_op passes kind and outcome as one number, so that all of its arguments
 *    travel in registers.
 *
 * Left out by compilers without GNU extensions, without optimisation, and where
 * FNT_NO_INLINE is defined. The library exports every function in any case, for other
 * languages and for callers that take an address.
 */
#ifndef FNTRACE_INLINE_H
#define FNTRACE_INLINE_H

#ifndef FNTRACE_FNTRACE_H
#error "include <fntrace/fntrace.h>; it includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* fnt_call_op() for the inline form below; do not call it otherwise. `kind_ok`: the
 * enum fnt_op in the lower 32 bits, `ok` (0 or 1) in the upper ones. */
FNT_API int fnt_call_op_packed(struct fnt_call *call, uint64_t kind_ok,
			       const char *entity, const char *id, uint64_t duration_ns,
			       int64_t row_count);

#if defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(FNT_NO_INLINE)

/* gnu_inline: no code of these functions is emitted here, the library has it. */
#define FNT_INLINE extern __inline__ __attribute__((gnu_inline))
#define FNT_IS_NULL(call) __builtin_expect(!(call), 0)

/* The library's own functions, under names that the inline forms can call. */
FNT_API int64_t fnt_library_op_begin(struct fnt_call *call, enum fnt_op op,
				     const char *entity,
				     const char *id) __asm__("fnt_call_op_begin");
FNT_API int fnt_library_op_end(struct fnt_call *call, int64_t handle, int64_t row_count,
			       bool ok) __asm__("fnt_call_op_end");
FNT_API int fnt_library_stream_chunk(struct fnt_call *call,
				     uint64_t bytes) __asm__("fnt_call_stream_chunk");
FNT_API int
fnt_library_finish_ok(struct fnt_call *call,
		      const struct fnt_value *value) __asm__("fnt_call_finish_ok");

FNT_INLINE int
fnt_call_op(struct fnt_call *call, enum fnt_op op, const char *entity, const char *id,
	    uint64_t duration_ns, int64_t row_count, bool ok)
{
	uint64_t kind_ok = ok;

	if (FNT_IS_NULL(call))
		return -ESHUTDOWN;
	kind_ok = kind_ok << 32 | op;
	return fnt_call_op_packed(call, kind_ok, entity, id, duration_ns, row_count);
}

FNT_INLINE int64_t
fnt_call_op_begin(struct fnt_call *call, enum fnt_op op, const char *entity,
		  const char *id)
{
	return FNT_IS_NULL(call) ? -ESHUTDOWN
				 : fnt_library_op_begin(call, op, entity, id);
}

FNT_INLINE int
fnt_call_op_end(struct fnt_call *call, int64_t handle, int64_t row_count, bool ok)
{
	return FNT_IS_NULL(call) ? -ESHUTDOWN
				 : fnt_library_op_end(call, handle, row_count, ok);
}

FNT_INLINE int
fnt_call_stream_chunk(struct fnt_call *call, uint64_t bytes)
{
	return FNT_IS_NULL(call) ? -ESHUTDOWN : fnt_library_stream_chunk(call, bytes);
}

FNT_INLINE int
fnt_call_finish_ok(struct fnt_call *call, const struct fnt_value *value)
{
	return FNT_IS_NULL(call) ? -ESHUTDOWN : fnt_library_finish_ok(call, value);
}

#undef FNT_INLINE
#undef FNT_IS_NULL
#endif

#ifdef __cplusplus
}
#endif
#endif
