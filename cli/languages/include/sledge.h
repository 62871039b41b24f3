/* sledge.h - functions that start before their first request.
 *
 *   #include <sledge.h>
 *   #include <stdio.h>
 *
 *   static int table[256];
 *
 *   SLEDGE_INIT {          once, when it is built with `sledge build --snapshot`
 *     for (int i = 0; i < 256; i++) table[i] = i * i;
 *   }
 *
 *   SLEDGE_HANDLE(argc, argv) {      for each request
 *     printf("%d\n", table[argc]);
 *     return 0;
 *   }
 *
 * There is no main. Without --snapshot SLEDGE_INIT runs before the first request of each instance.
 * What it prints goes to the log of the build; it may not read files, random numbers or environ. */
#ifndef SLEDGE_H
#define SLEDGE_H

#include <stdio.h>
#include <stdlib.h>
#include <wasi/api.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLEDGE_EXPORT(name) __attribute__((export_name(name)))

#define SLEDGE_INIT                                                                                \
  static void sledge_user_init(void);                                                              \
  SLEDGE_EXPORT("sledge_init") void sledge_init(void) {                                            \
    sledge_user_init();                                                                            \
    fflush(NULL);                                                                                  \
  }                                                                                                \
  static void sledge_user_init(void)

#define SLEDGE_HANDLE(argc, argv)                                                                  \
  static int sledge_user_handle(int argc, char **argv);                                            \
  SLEDGE_EXPORT("sledge_handle") void sledge_handle(void) {                                        \
    sledge_call(sledge_user_handle);                                                               \
  }                                                                                                \
  static int sledge_user_handle(int argc, char **argv)

/* Arguments are asked for at each request: libc's own were read when the state was captured. */
static inline void sledge_call(int (*handle)(int, char **)) {
  size_t count = 0;
  size_t bytes = 0;
  if (__wasi_args_sizes_get(&count, &bytes) != 0)
    abort();
  uint8_t **argv = (uint8_t **)malloc((count + 1) * sizeof *argv);
  uint8_t *text = (uint8_t *)malloc(bytes + 1);
  if (argv == NULL || text == NULL || __wasi_args_get(argv, text) != 0)
    abort();
  argv[count] = NULL;
  clearerr(stdin);
  const int code = handle((int)count, (char **)argv);
  if (code != 0)
    exit(code);
  fflush(NULL);
  free(text);
  free(argv);
}

#ifdef __cplusplus
}
#endif

#endif
