/* wasm2c_kernel.c - makes wasm2c's output, with its own runtime, look like a native kernel. */
#include <stdint.h>

#include "wasm2c_output.h"

static Z_peer_instance_t instance;
static int ready;

__attribute__((visibility("default"))) uint32_t kernel(uint32_t n) {
  if (!ready) {
    wasm_rt_init();
    Z_peer_init_module();
    Z_peer_instantiate(&instance);
    ready = 1;
  }
  return Z_peerZ_kernel(&instance, n);
}
