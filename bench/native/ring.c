/* ring.c - the leanest way to a worker thread and back: submit(id) puts a number into a ring, and
 * the number comes back through another. No arguments, no outcome: not a call, but its limit. */
#include "passing.h"

static uint32_t *batch;

static void pass(uint32_t id) {
  (void)id;
}

static napi_value answer(napi_env env) {
  napi_value result;
  uint32_t count = 0;
  while (count < CAPACITY && pop(&answers, &batch[count]))
    count += 1;
  napi_create_uint32(env, count, &result);
  return result;
}

static void answered(void) {}

/* start(onBatch): where onBatch(count) finds the ids. */
static napi_value start(napi_env env, napi_callback_info info) {
  return start_passing(env, info, CAPACITY * sizeof *batch, (void **)&batch);
}

/* submit(id) */
static napi_value submit(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument;
  uint32_t id = 0;
  napi_get_cb_info(env, info, &argc, &argument, NULL, NULL);
  napi_get_value_uint32(env, argument, &id);
  push(&requests, id);
  wake_worker();
  return NULL;
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
