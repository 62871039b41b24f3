/* runner.c - times kernels of shared objects. Each line "library repetitions argument" is answered
 * with "checksum nanoseconds", the smallest of its repetitions; a library is loaded once. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LIBRARY_COUNT_MAX 256

typedef uint32_t (*kernel_function)(uint32_t);

typedef struct library {
  char path[512];
  kernel_function kernel;
} library;

static library libraries[LIBRARY_COUNT_MAX];
static int library_count;

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static kernel_function find_kernel(const char *path) {
  for (int i = 0; i < library_count; i += 1)
    if (strcmp(libraries[i].path, path) == 0)
      return libraries[i].kernel;
  if (library_count == LIBRARY_COUNT_MAX)
    return NULL;
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return NULL;
  }
  library *added = &libraries[library_count++];
  snprintf(added->path, sizeof added->path, "%s", path);
  added->kernel = (kernel_function)(uintptr_t)dlsym(handle, "kernel");
  return added->kernel;
}

int main(void) {
  char path[512];
  unsigned repetitions;
  unsigned argument;
  while (scanf("%511s %u %u", path, &repetitions, &argument) == 3) {
    kernel_function kernel = find_kernel(path);
    if (kernel == NULL)
      return 1;
    uint64_t best = UINT64_MAX;
    uint32_t checksum = 0;
    for (unsigned i = 0; i < repetitions; i += 1) {
      uint64_t started = now_ns();
      checksum = kernel(argument);
      uint64_t taken = now_ns() - started;
      if (taken < best)
        best = taken;
    }
    printf("%u %llu\n", checksum, (unsigned long long)best);
    fflush(stdout);
  }
  return 0;
}
