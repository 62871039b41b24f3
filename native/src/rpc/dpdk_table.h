/* dpdk_table.h - what the DPDK backend's shared object offers to the RPC transport.
 *
 * The object is opened only when a configuration asks for it, so a machine without DPDK still loads
 * everything else; nothing here names a DPDK type. It exports one symbol, `sledge_dpdk`, and is
 * never unloaded: DPDK's environment lives as long as its process.
 */
#ifndef SLEDGE_DPDK_TABLE_H
#define SLEDGE_DPDK_TABLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLEDGE_DPDK_ABI_VERSION 1u
#define SLEDGE_DPDK_SYMBOL "sledge_dpdk"

typedef struct sledge_dpdk_environment {
  uint32_t huge_pages; /* 0: ordinary memory, slower and for development */
  uint32_t memory_mib; /* without huge pages: what is set aside at start */
  uint32_t core;       /* the logical core that DPDK's own main thread may use */
  uint32_t reserved;
  const char *pci_address; /* the PCI device to come; null: the PCI bus is not looked at */
} sledge_dpdk_environment;

typedef struct sledge_dpdk_port_options {
  const char *device; /* a virtual device with its arguments, or a PCI address */
  uint32_t queue_count;
  uint32_t ring_entries; /* receive descriptors of a queue */
} sledge_dpdk_port_options;

typedef struct sledge_dpdk_port_info {
  uint8_t mac[6];
  uint16_t reta_size; /* 0: the device does not spread packets over queues */
} sledge_dpdk_port_info;

typedef struct sledge_dpdk_port sledge_dpdk_port;

typedef struct sledge_dpdk_frame {
  const uint8_t *bytes;
  uint32_t length;
  uint32_t reserved;
} sledge_dpdk_frame;

typedef struct sledge_dpdk_table {
  uint32_t abi_version;
  uint32_t struct_bytes;
  const char *(*version)(void); /* of DPDK */
  /* Starts DPDK, once per process; later calls answer what the first one did. Any thread; blocks
   * for about 200 ms. 0, or -1 with a message; a failure is final for this process. */
  int (*start)(const sledge_dpdk_environment *options, char *error, size_t error_bytes);
  /* Plugs a device in. Null with a message when there is no such device to have. Any thread. */
  sledge_dpdk_port *(*open)(const sledge_dpdk_port_options *options, sledge_dpdk_port_info *info,
                            char *error, size_t error_bytes);
  /* Unplugs it; no queue of it may be in use. Any thread. */
  void (*close)(sledge_dpdk_port *port);
  /* Where the next frame to send is to be written: `room` bytes; null: the queue is full, and the
   * frame counts as dropped. One thread per queue, as all that follows. */
  uint8_t *(*reserve)(sledge_dpdk_port *port, uint32_t queue, uint32_t room);
  /* The frame reserved last is complete: it goes out with the next flush. */
  void (*commit)(sledge_dpdk_port *port, uint32_t queue);
  /* Hands over what waits; answers how many frames the device did not take. They are dropped. */
  uint32_t (*flush)(sledge_dpdk_port *port, uint32_t queue);
  /* Up to `count` frames; their bytes stay valid until the next call for this queue. */
  uint32_t (*receive)(sledge_dpdk_port *port, uint32_t queue, sledge_dpdk_frame *frames,
                      uint32_t count);
} sledge_dpdk_table;

#ifdef __cplusplus
}
#endif
#endif
