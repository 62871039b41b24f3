/* passing.h - a worker thread that takes ids from one ring and puts them into another, and wakes
 * JavaScript once for many. One producer and one consumer per ring. Whoever includes it says in
 * `pass` what the worker does with an id, and in `answer` what JavaScript is told. */
#include <linux/futex.h>
#include <node_api.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CAPACITY 4096u /* more than are ever in flight */
#define SPIN_NS 20000u

typedef struct ring {
  _Alignas(64) _Atomic uint32_t head;
  _Alignas(64) _Atomic uint32_t tail;
  _Alignas(64) uint32_t ids[CAPACITY];
} ring;

static ring requests;
static ring answers;
static _Atomic uint32_t sleeping;
static _Atomic uint32_t stopped;
static _Atomic uint32_t armed;
static napi_threadsafe_function notify;
static pthread_t worker;

/* On the worker. */
static void pass(uint32_t id);
/* On the JavaScript thread: takes the next answers, returns what onBatch gets; and after that. */
static napi_value answer(napi_env env);
static void answered(void);

static void push(ring *to, uint32_t id) {
  uint32_t tail = atomic_load_explicit(&to->tail, memory_order_relaxed);
  to->ids[tail % CAPACITY] = id;
  atomic_store(&to->tail, tail + 1);
}

static int pop(ring *from, uint32_t *id) {
  uint32_t head = atomic_load_explicit(&from->head, memory_order_relaxed);
  if (head == atomic_load(&from->tail))
    return 0;
  *id = from->ids[head % CAPACITY];
  atomic_store_explicit(&from->head, head + 1, memory_order_release);
  return 1;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int is_empty(ring *of) {
  return atomic_load(&of->head) == atomic_load(&of->tail);
}

/* Spins for a while, then sleeps until there is a request. */
static void wait_for_request(void) {
  uint64_t limit = now_ns() + SPIN_NS;
  while (is_empty(&requests) && now_ns() < limit)
    __builtin_ia32_pause();
  atomic_store(&sleeping, 1);
  if (is_empty(&requests) && !atomic_load(&stopped))
    syscall(SYS_futex, &sleeping, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
  atomic_store(&sleeping, 0);
}

static void wake_worker(void) {
  if (atomic_exchange(&sleeping, 0) != 0)
    syscall(SYS_futex, &sleeping, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *work(void *unused) {
  while (!atomic_load(&stopped)) {
    uint32_t id;
    if (!pop(&requests, &id)) {
      wait_for_request();
      continue;
    }
    pass(id);
    push(&answers, id);
    if (atomic_exchange(&armed, 1) == 0)
      napi_call_threadsafe_function(notify, NULL, napi_tsfn_nonblocking);
  }
  return unused;
}

static void deliver(napi_env env, napi_value callback, void *context, void *data) {
  (void)context;
  (void)data;
  if (env == NULL)
    return;
  atomic_store(&armed, 0);
  napi_value self;
  napi_get_undefined(env, &self);
  napi_value argument = answer(env);
  napi_call_function(env, self, callback, 1, &argument, NULL);
  answered();
}

/* start(onBatch): an ArrayBuffer of `bytes`, whose memory is `*memory`. Once per process. */
static napi_value start_passing(napi_env env, napi_callback_info info, size_t bytes,
                                void **memory) {
  size_t argc = 1;
  napi_value callback;
  napi_value name;
  napi_value buffer;
  napi_get_cb_info(env, info, &argc, &callback, NULL, NULL);
  napi_create_string_utf8(env, "passing", NAPI_AUTO_LENGTH, &name);
  napi_create_threadsafe_function(env, callback, NULL, name, 0, 1, NULL, NULL, NULL, deliver,
                                  &notify);
  napi_create_arraybuffer(env, bytes, memory, &buffer);
  napi_ref keep;
  napi_create_reference(env, buffer, 1, &keep);
  pthread_create(&worker, NULL, work, NULL);
  return buffer;
}

static napi_value stop(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  atomic_store(&stopped, 1);
  wake_worker();
  pthread_join(worker, NULL);
  napi_release_threadsafe_function(notify, napi_tsfn_abort);
  return NULL;
}
