// notes.c - a notebook in the tenant's key/value store (plugins/host-kv):
//   ?put&KEY (value: the body)   ?new&KEY (the same, once)   ?get&KEY   ?delete&KEY   ?list&PREFIX
// Arguments are one string, as HTTP's query. Exit code: the store's answer.
#include "../sledge_kv.h"
#include "../wasi_io.h"

enum { VALUE_BYTES_MAX = 40960 };

static uint8_t value[VALUE_BYTES_MAX];
static uint8_t after[4096];

static int is_named(const char *name, const char *wanted) {
  return strcmp(name, wanted) == 0;
}

static int put(const char *key, int mode) {
  return sledge_kv_put(key, strlen(key), value, read_all(value, sizeof value), mode);
}

static int get(const char *key) {
  size_t bytes = 0;
  const int answer = sledge_kv_get(key, strlen(key), value, sizeof value, &bytes);
  if (answer == 0)
    write_all(STANDARD_OUTPUT, value, bytes);
  return answer;
}

// A line for each key.
static int list(const char *prefix) {
  size_t after_bytes = 0, used = 0;
  for (;;) {
    const int answer =
        sledge_kv_list(prefix, strlen(prefix), after, after_bytes, value, sizeof value, &used);
    if (answer != 0 || used == 0)
      return answer;
    for (size_t at = 0; at < used;) {
      uint32_t bytes;
      memcpy(&bytes, value + at, sizeof bytes);
      memcpy(after, value + at + sizeof bytes, bytes);
      after_bytes = bytes;
      at += sizeof bytes + bytes;
      write_all(STANDARD_OUTPUT, after, bytes);
      write_text(STANDARD_OUTPUT, "\n");
    }
  }
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  const char *key = argc > 2 ? argv[2] : "";
  if (is_named(name, "put"))
    return put(key, SLEDGE_KV_PUT);
  if (is_named(name, "new"))
    return put(key, SLEDGE_KV_CREATE);
  if (is_named(name, "get"))
    return get(key);
  if (is_named(name, "delete"))
    return sledge_kv_delete(key, strlen(key));
  if (is_named(name, "list"))
    return list(key);
  return SLEDGE_KV_INVALID;
}
