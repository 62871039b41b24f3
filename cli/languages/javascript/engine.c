/* engine.c - QuickJS as a function of Sledge.
 *
 * sledge_init reads scripts from standard input, "name NUL source NUL" one behind the other, and
 * evaluates them: that happens when the function is built, and the memory it leaves is kept.
 * sledge_handle answers one request with what the scripts have left in __sledge_handle. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wasi/api.h>

#include "quickjs.h"

#define EXPORT(name) __attribute__((export_name(name)))

enum {
  JS_STACK_BYTES = 96 * 1024,       /* of the shadow stack: an error before the native one ends */
  GC_THRESHOLD_BYTES = 4096 * 1024, /* most requests end before it */
  READ_BYTES = 65536
};

extern char **__wasilibc_environ;

static JSRuntime *runtime;
static JSContext *context;
static JSValue handle;
static int is_answered;

static void write_all(int descriptor, const char *bytes, size_t length) {
  while (length > 0) {
    const ssize_t written = write(descriptor, bytes, length);
    if (written <= 0)
      return;
    bytes += written;
    length -= (size_t)written;
  }
}

static void say(const char *text) {
  write_all(STDERR_FILENO, text, strlen(text));
}

static void say_value(JSValueConst value) {
  const char *text = JS_ToCString(context, value);
  say(text != NULL ? text : "an error without text");
  say("\n");
  JS_FreeCString(context, text);
}

/* Ends the function, with the exception and where it came from in its log. */
static _Noreturn void fail_with_exception(void) {
  JSValue exception = JS_GetException(context);
  say_value(exception);
  JSValue stack = JS_IsError(context, exception) ? JS_GetPropertyStr(context, exception, "stack")
                                                 : JS_UNDEFINED;
  if (!JS_IsUndefined(stack))
    say_value(stack);
  _Exit(1);
}

static _Noreturn void fail(const char *reason) {
  say(reason);
  say("\n");
  _Exit(1);
}

/* All of standard input and a NUL behind it. */
static uint8_t *read_input(size_t *length) {
  size_t capacity = READ_BYTES;
  uint8_t *bytes = malloc(capacity);
  *length = 0;
  while (bytes != NULL) {
    const ssize_t got = read(STDIN_FILENO, bytes + *length, capacity - *length - 1);
    if (got <= 0) {
      bytes[*length] = 0;
      return bytes;
    }
    *length += (size_t)got;
    if (*length + 1 == capacity)
      bytes = realloc(bytes, capacity *= 2);
  }
  fail("out of memory");
}

static JSValue native_args(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  size_t count = 0;
  size_t bytes = 0;
  (void)self, (void)argc, (void)argv;
  if (__wasi_args_sizes_get(&count, &bytes) != 0)
    return JS_ThrowInternalError(ctx, "no arguments");
  uint8_t **pointers = malloc((count + 1) * sizeof *pointers);
  uint8_t *text = malloc(bytes + 1);
  if (pointers == NULL || text == NULL || __wasi_args_get(pointers, text) != 0)
    return JS_ThrowOutOfMemory(ctx);
  JSValue list = JS_NewArray(ctx);
  for (size_t i = 0; i < count; i++)
    JS_SetPropertyUint32(ctx, list, (uint32_t)i, JS_NewString(ctx, (char *)pointers[i]));
  free(text);
  free(pointers);
  return list;
}

/* Asked anew each time: libc would keep what it saw first. */
static JSValue native_environ(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  size_t count = 0;
  size_t bytes = 0;
  (void)self, (void)argc, (void)argv;
  if (__wasi_environ_sizes_get(&count, &bytes) != 0)
    return JS_ThrowInternalError(ctx, "no environ");
  uint8_t **pointers = malloc((count + 1) * sizeof *pointers);
  uint8_t *text = malloc(bytes + 1);
  if (pointers == NULL || text == NULL || __wasi_environ_get(pointers, text) != 0)
    return JS_ThrowOutOfMemory(ctx);
  JSValue list = JS_NewArray(ctx);
  for (size_t i = 0; i < count; i++)
    JS_SetPropertyUint32(ctx, list, (uint32_t)i, JS_NewString(ctx, (char *)pointers[i]));
  free(text);
  free(pointers);
  return list;
}

static JSValue native_input(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length;
  (void)self, (void)argc, (void)argv;
  uint8_t *bytes = read_input(&length);
  JSValue buffer = JS_NewArrayBufferCopy(ctx, bytes, length);
  free(bytes);
  return buffer;
}

static int32_t descriptor_of(JSContext *ctx, JSValueConst value) {
  int32_t descriptor = -1;
  JS_ToInt32(ctx, &descriptor, value);
  return descriptor;
}

/* write(descriptor, text) */
static JSValue native_write(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length;
  (void)self, (void)argc;
  const char *text = JS_ToCStringLen(ctx, &length, argv[1]);
  if (text == NULL)
    return JS_EXCEPTION;
  write_all(descriptor_of(ctx, argv[0]), text, length);
  JS_FreeCString(ctx, text);
  return JS_UNDEFINED;
}

/* Bytes [offset, offset + length) of a buffer; null with an exception. */
static uint8_t *range_of(JSContext *ctx, JSValueConst *argv, uint32_t *length) {
  size_t size;
  uint32_t offset = 0;
  uint8_t *bytes = JS_GetArrayBuffer(ctx, &size, argv[0]);
  static uint8_t nothing[1];
  if (JS_ToUint32(ctx, &offset, argv[1]) != 0 || JS_ToUint32(ctx, length, argv[2]) != 0)
    return NULL;
  if (bytes == NULL && *length == 0)
    return nothing;
  if (bytes == NULL || offset > size || *length > size - offset) {
    JS_ThrowRangeError(ctx, "beyond the buffer");
    return NULL;
  }
  return bytes + offset;
}

/* writeBytes(buffer, offset, length, descriptor) */
static JSValue native_write_bytes(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  uint32_t length;
  (void)self, (void)argc;
  uint8_t *bytes = range_of(ctx, argv, &length);
  if (bytes == NULL)
    return JS_EXCEPTION;
  write_all(descriptor_of(ctx, argv[3]), (char *)bytes, length);
  return JS_UNDEFINED;
}

static JSValue native_encode(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  size_t length;
  (void)self, (void)argc;
  const char *text = JS_ToCStringLen(ctx, &length, argv[0]);
  if (text == NULL)
    return JS_EXCEPTION;
  JSValue buffer = JS_NewArrayBufferCopy(ctx, (const uint8_t *)text, length);
  JS_FreeCString(ctx, text);
  return buffer;
}

/* decode(buffer, offset, length) */
static JSValue native_decode(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  uint32_t length;
  (void)self, (void)argc;
  uint8_t *bytes = range_of(ctx, argv, &length);
  return bytes == NULL ? JS_EXCEPTION : JS_NewStringLen(ctx, (char *)bytes, length);
}

/* fill(buffer, offset, length): random bytes */
static JSValue native_fill(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  uint32_t length;
  (void)self, (void)argc;
  uint8_t *bytes = range_of(ctx, argv, &length);
  if (bytes == NULL)
    return JS_EXCEPTION;
  if (__wasi_random_get(bytes, length) != 0)
    return JS_ThrowInternalError(ctx, "no random bytes");
  return JS_UNDEFINED;
}

/* A generator seeded when the function was built would give every request the same numbers. */
static JSValue native_random(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  uint64_t bits;
  (void)self, (void)argc, (void)argv;
  if (__wasi_random_get((uint8_t *)&bits, sizeof bits) != 0)
    return JS_ThrowInternalError(ctx, "no random bytes");
  return JS_NewFloat64(ctx, (double)(bits >> 11) * 0x1p-53);
}

static JSValue native_exit(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)self, (void)argc;
  _Exit(descriptor_of(ctx, argv[0]));
}

static JSValue native_answered(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv) {
  (void)ctx, (void)self, (void)argc, (void)argv;
  is_answered = 1;
  return JS_UNDEFINED;
}

static const JSCFunctionListEntry natives[] = {
    JS_CFUNC_DEF("args", 0, native_args),
    JS_CFUNC_DEF("environ", 0, native_environ),
    JS_CFUNC_DEF("input", 0, native_input),
    JS_CFUNC_DEF("write", 2, native_write),
    JS_CFUNC_DEF("writeBytes", 4, native_write_bytes),
    JS_CFUNC_DEF("encode", 1, native_encode),
    JS_CFUNC_DEF("decode", 3, native_decode),
    JS_CFUNC_DEF("fill", 3, native_fill),
    JS_CFUNC_DEF("random", 0, native_random),
    JS_CFUNC_DEF("exit", 1, native_exit),
    JS_CFUNC_DEF("answered", 0, native_answered),
};

/* Everything that was promised, as far as it goes without waiting. */
static void run_jobs(void) {
  JSContext *job;
  int result;
  while ((result = JS_ExecutePendingJob(runtime, &job)) > 0) {
  }
  if (result < 0)
    fail_with_exception();
}

static void evaluate_scripts(void) {
  size_t length;
  uint8_t *input = read_input(&length);
  const char *at = (const char *)input;
  const char *end = at + length;
  while (at < end) {
    const char *name = at;
    const char *source = name + strlen(name) + 1;
    if (source >= end)
      fail("a script without a source");
    const size_t bytes = strlen(source);
    JSValue value = JS_Eval(context, source, bytes, name, JS_EVAL_TYPE_GLOBAL);
    if (JS_IsException(value))
      fail_with_exception();
    JS_FreeValue(context, value);
    run_jobs();
    at = source + bytes + 1;
  }
  free(input);
}

EXPORT("sledge_init") void sledge_init(void) {
  runtime = JS_NewRuntime();
  if (runtime == NULL || (context = JS_NewContext(runtime)) == NULL)
    fail("out of memory");
  JS_SetMaxStackSize(runtime, JS_STACK_BYTES);
  JSValue global = JS_GetGlobalObject(context);
  JSValue object = JS_NewObject(context);
  JS_SetPropertyFunctionList(context, object, natives, sizeof natives / sizeof *natives);
  JS_SetPropertyStr(context, global, "__sledge", object);
  evaluate_scripts();
  handle = JS_GetPropertyStr(context, global, "__sledge_handle");
  JS_FreeValue(context, global);
  if (!JS_IsFunction(context, handle))
    fail("there is no handler");
  JS_RunGC(runtime);
  JS_SetGCThreshold(runtime, GC_THRESHOLD_BYTES);
}

EXPORT("sledge_handle") void sledge_handle(void) {
  is_answered = 0;
  JSValue result = JS_Call(context, handle, JS_UNDEFINED, 0, NULL);
  if (JS_IsException(result))
    fail_with_exception();
  JS_FreeValue(context, result);
  run_jobs();
  if (!is_answered)
    fail("the handler waits for something that never comes");
}
