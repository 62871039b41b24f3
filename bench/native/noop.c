/* noop.c - a Node-API addon with the contract of a data plane, whose worker does nothing: a call
 * takes a function's number, arguments, environ, input and deadline, and answers exactly once with
 * status, output and times. One crossing per call, which reads and copies what it is given, since
 * the worker may not touch JavaScript's memory; one wake-up and one call back for the answers of a
 * batch. They are objects made by Node-API, or with RECORDS numbers in shared memory, of which
 * JavaScript makes the objects. */
#include "passing.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS 7u /* token, status, detail, output bytes, queue, run and total ns */
#define FUNCTIONS 64u
#define BATCH 256u
#define PAYLOAD_MAX (64u << 10)

typedef struct call {
  uint32_t function;
  uint32_t argc;
  uint32_t envc;
  int alive;
  uint64_t deadline_ns;
  uint64_t arrival_ns;
  uint64_t start_ns;
  uint64_t end_ns;
  uint64_t input_bytes;
  uint64_t bytes;
  uint64_t capacity;
  char *payload; /* arguments, environ, input */
} call;

static call calls[CAPACITY];
static uint32_t free_tokens[CAPACITY];
static uint32_t free_count;
static uint32_t told[BATCH]; /* tokens of the last batch */
static uint32_t told_count;
static double *records;

static void pass(uint32_t id) {
  call *one = &calls[id];
  one->start_ns = now_ns();
  one->end_ns = now_ns();
}

#ifdef RECORDS

static napi_value begin_batch(napi_env env) {
  (void)env;
  return NULL;
}

static void tell(napi_env env, napi_value batch, uint32_t at, const call *one) {
  (void)env;
  (void)batch;
  double *record = records + (size_t)at * FIELDS;
  record[0] = told[at];
  record[1] = 0;
  record[2] = 0;
  record[3] = 0;
  record[4] = (double)(one->start_ns - one->arrival_ns);
  record[5] = (double)(one->end_ns - one->start_ns);
  record[6] = (double)(one->end_ns - one->arrival_ns);
}

static napi_value end_batch(napi_env env, napi_value batch) {
  (void)batch;
  napi_value count;
  napi_create_uint32(env, told_count, &count);
  return count;
}

#else

static napi_value completed; /* of the batch that is made */
static napi_value nothing;

static napi_value begin_batch(napi_env env) {
  static napi_ref nothing_kept;
  napi_value batch;
  if (nothing_kept == NULL) {
    napi_create_buffer(env, 0, NULL, &nothing);
    napi_create_reference(env, nothing, 1, &nothing_kept);
  }
  napi_get_reference_value(env, nothing_kept, &nothing);
  napi_create_string_latin1(env, "completed", NAPI_AUTO_LENGTH, &completed);
  napi_create_array(env, &batch);
  return batch;
}

static void set_number(napi_env env, napi_value object, const char *name, uint64_t number) {
  napi_value value;
  napi_create_double(env, (double)number, &value);
  napi_set_named_property(env, object, name, value);
}

static void tell(napi_env env, napi_value batch, uint32_t at, const call *one) {
  napi_handle_scope scope;
  napi_value outcome;
  napi_open_handle_scope(env, &scope);
  napi_create_object(env, &outcome);
  set_number(env, outcome, "token", told[at]);
  napi_set_named_property(env, outcome, "status", completed);
  napi_set_named_property(env, outcome, "output", nothing);
  set_number(env, outcome, "queueNs", one->start_ns - one->arrival_ns);
  set_number(env, outcome, "runNs", one->end_ns - one->start_ns);
  set_number(env, outcome, "totalNs", one->end_ns - one->arrival_ns);
  napi_set_element(env, batch, at, outcome);
  napi_close_handle_scope(env, scope);
}

static napi_value end_batch(napi_env env, napi_value batch) {
  (void)env;
  return batch;
}

#endif

static napi_value answer(napi_env env) {
  const napi_value batch = begin_batch(env);
  uint32_t id;
  told_count = 0;
  while (told_count < BATCH && pop(&answers, &id)) {
    if (!calls[id].alive)
      continue; /* exactly once */
    calls[id].alive = 0;
    told[told_count] = id;
    tell(env, batch, told_count, &calls[id]);
    told_count += 1;
  }
  if (!is_empty(&answers) && atomic_exchange(&armed, 1) == 0)
    napi_call_threadsafe_function(notify, NULL, napi_tsfn_nonblocking);
  return end_batch(env, batch);
}

static void answered(void) {
  for (uint32_t at = 0; at < told_count; at++)
    free_tokens[free_count++] = told[at];
}

static int reserve(call *one, size_t bytes) {
  if (one->bytes + bytes > PAYLOAD_MAX)
    return 0;
  if (one->bytes + bytes <= one->capacity)
    return 1;
  const size_t capacity = (one->bytes + bytes) * 2;
  char *grown = realloc(one->payload, capacity);
  if (grown == NULL)
    return 0;
  one->payload = grown;
  one->capacity = capacity;
  return 1;
}

static int add_text(napi_env env, call *one, napi_value text) {
  size_t bytes = 0;
  if (napi_get_value_string_utf8(env, text, NULL, 0, &bytes) != napi_ok || !reserve(one, bytes + 1))
    return 0;
  napi_get_value_string_utf8(env, text, one->payload + one->bytes, bytes + 1, NULL);
  one->bytes += bytes + 1;
  return 1;
}

static int add_list(napi_env env, call *one, napi_value list, uint32_t *count) {
  if (napi_get_array_length(env, list, count) != napi_ok)
    return 0;
  for (uint32_t at = 0; at < *count; at++) {
    napi_value text;
    if (napi_get_element(env, list, at, &text) != napi_ok || !add_text(env, one, text))
      return 0;
  }
  return 1;
}

static int add_input(napi_env env, call *one, napi_value input) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, input, &type);
  one->input_bytes = 0;
  if (type == napi_undefined)
    return 1;
  void *bytes;
  size_t length;
  if (napi_get_buffer_info(env, input, &bytes, &length) != napi_ok || !reserve(one, length))
    return 0;
  memcpy(one->payload + one->bytes, bytes, length);
  one->input_bytes = length;
  one->bytes += length;
  return 1;
}

/* submit(function, args, environ, input, deadlineUs): a token, or -1. */
static napi_value submit(napi_env env, napi_callback_info info) {
  size_t argc = 5;
  napi_value arguments[5];
  napi_value result;
  napi_get_cb_info(env, info, &argc, arguments, NULL, NULL);
  int32_t token = -1;
  if (free_count != 0) {
    const uint32_t id = free_tokens[free_count - 1];
    call *one = &calls[id];
    double deadline_us = 0;
    one->bytes = 0;
    napi_get_value_double(env, arguments[4], &deadline_us);
    if (napi_get_value_uint32(env, arguments[0], &one->function) == napi_ok &&
        one->function < FUNCTIONS && add_list(env, one, arguments[1], &one->argc) &&
        add_list(env, one, arguments[2], &one->envc) && add_input(env, one, arguments[3])) {
      one->arrival_ns = now_ns();
      one->deadline_ns = deadline_us > 0 ? one->arrival_ns + (uint64_t)(deadline_us * 1000) : 0;
      one->alive = 1;
      free_count--;
      token = (int32_t)id;
      push(&requests, id);
      wake_worker();
    }
  }
  napi_create_int32(env, token, &result);
  return result;
}

/* start(onBatch): where onBatch(count) finds its records, FIELDS doubles each. */
static napi_value start(napi_env env, napi_callback_info info) {
  for (uint32_t id = 0; id < CAPACITY; id++)
    free_tokens[free_count++] = CAPACITY - 1 - id;
  return start_passing(env, info, BATCH * FIELDS * sizeof *records, (void **)&records);
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"start", NULL, start, NULL, NULL, NULL, napi_default, NULL},
      {"submit", NULL, submit, NULL, NULL, NULL, napi_default, NULL},
      {"stop", NULL, stop, NULL, NULL, NULL, napi_default, NULL},
  };
  napi_define_properties(env, exports, 3, functions);
  return exports;
}
