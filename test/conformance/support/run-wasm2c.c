/* run-wasm2c.c - the same for wasm2c's output of a module, with wasm2c's own runtime. */
#include <stdio.h>

#include "peer.h"
#include "wasm-rt-impl.h"

struct Z_wasi_snapshot_preview1_instance_t {
  Z_peer_instance_t *instance;
};

#define HOST struct Z_wasi_snapshot_preview1_instance_t *
#define NAME(function) Z_wasi_snapshot_preview1Z_##function
#ifdef PEER_KERNEL
#define MEMORY(host) ((uint8_t *)(host))
#else
#define MEMORY(host) (Z_peerZ_memory((host)->instance)->data)
#endif
#include "wasi.h"

int main(int count, char **arguments) {
  static Z_peer_instance_t instance;
  argument_count = count - 1;
  argument_values = arguments + 1;
  wasm_rt_init();
  Z_peer_init_module();
  if (wasm_rt_impl_try() != 0)
    return TRAP_EXIT_CODE;
#ifdef PEER_KERNEL
  Z_peer_instantiate(&instance);
  uint32_t result = Z_peerZ_kernel(&instance, (uint32_t)strtoul(arguments[2], NULL, 10));
  return printf("%u", result) < 0;
#else
  struct Z_wasi_snapshot_preview1_instance_t host = {&instance};
  Z_peer_instantiate(&instance, &host);
  Z_peerZ__start(&instance);
  return 0;
#endif
}
