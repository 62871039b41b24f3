// sledge_kv.h - the key/value store of a tenant (plugins/host-kv), for functions in C.
//
// All functions of a tenant share its keys; other tenants have others. Each call is atomic: a value
// is never seen half written. Keys and values are bytes, keys not empty. Each answers 0 or one of
// SLEDGE_KV_... : WASI's errno values, so that errno names and strerror fit.
#ifndef SLEDGE_KV_H
#define SLEDGE_KV_H

#include <stddef.h>
#include <stdint.h>

#define SLEDGE_KV_FUNCTION(name) __attribute__((import_module("sledge_kv"), import_name(name)))

enum {
  SLEDGE_KV_BEHIND = 6,   // EAGAIN: what was put before is not in the tenant's file yet
  SLEDGE_KV_EXISTS = 20,  // EEXIST
  SLEDGE_KV_FAULT = 21,   // EFAULT: an address beyond memory
  SLEDGE_KV_TOO_BIG = 22, // EFBIG: key or value is longer than the quota allows
  SLEDGE_KV_INVALID = 28, // EINVAL: an empty key, or an unknown mode
  SLEDGE_KV_NO_ROOM = 42, // ENOBUFS: the buffer is too small
  SLEDGE_KV_MISSING = 44, // ENOENT
  SLEDGE_KV_NO_MEMORY = 48,
  SLEDGE_KV_FULL = 51 // ENOSPC: the tenant has no bytes or entries left
};

enum { SLEDGE_KV_PUT = 0, SLEDGE_KV_CREATE = 1, SLEDGE_KV_REPLACE = 2 };

// Copies the value and tells its length; NO_ROOM tells the length alone. MISSING.
SLEDGE_KV_FUNCTION("get")
int sledge_kv_get(const void *key, size_t key_bytes, void *value, size_t capacity, size_t *bytes);

// CREATE: only a new key, else EXISTS. REPLACE: only one that is there, else MISSING.
// TOO_BIG, FULL.
SLEDGE_KV_FUNCTION("put")
int sledge_kv_put(const void *key, size_t key_bytes, const void *value, size_t value_bytes,
                  int mode);

// MISSING.
SLEDGE_KV_FUNCTION("delete")
int sledge_kv_delete(const void *key, size_t key_bytes);

// Keys that begin with `prefix` and come after `after` (empty: all), in order of their bytes, as
// many as fit into the buffer, of which at most 64 KiB are used: for each its length as 4 bytes,
// little-endian, and the key. `used` 0: there are no more. NO_ROOM: not even the first fits.
SLEDGE_KV_FUNCTION("list")
int sledge_kv_list(const void *prefix, size_t prefix_bytes, const void *after, size_t after_bytes,
                   void *buffer, size_t capacity, size_t *used);

#endif
