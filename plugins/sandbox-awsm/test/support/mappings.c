/* mappings.c - loads a module and prints how many mappings it takes and what it exports. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments) {
  if (count != 2)
    return 2;
  void *module = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (module == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  const char *name = strrchr(arguments[1], '/') + 1;
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[1024];
  int mappings = 0;
  int executable_and_writable = 0;
  while (fgets(line, sizeof line, maps) != NULL) {
    if (strstr(line, name) == NULL)
      continue;
    mappings++;
    if (strstr(line, "rwx") != NULL)
      executable_and_writable++;
  }
  fclose(maps);
  printf("%d %d %d\n", mappings, executable_and_writable, dlsym(module, "sledge_module") != NULL);
  return 0;
}
