/* library_mix.c - real library code for measuring compile time: formatting and sorting (level 0),
 * regular expressions (level 1), scanning, time and mathematics (level 2). */
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int compare(const void *one, const void *other) {
  return strcmp(one, other);
}

#if LEVEL > 0
static int match(const char *pattern, const char *text) {
  regex_t expression;
  if (regcomp(&expression, pattern, REG_EXTENDED) != 0)
    return -1;
  regmatch_t parts[3];
  int result = regexec(&expression, text, 3, parts, 0);
  regfree(&expression);
  return result;
}
#else
static int match(const char *pattern, const char *text) {
  return strstr(text, pattern) != NULL;
}
#endif

#if LEVEL > 1
static double compute(const char *text) {
  double x = strtod(text, NULL);
  int places = 0;
  sscanf(text, "%d", &places);
  return pow(sin(x), tgamma(x)) + lgamma(x) * erf(x) + jn(places, x) + exp2(x) + atan2(x, 2.0);
}

static void print_time(const char *text) {
  struct tm when;
  char line[100];
  strptime(text, "%c", &when);
  if (strftime(line, sizeof line, "%c", &when) > 0)
    puts(line);
}
#endif

int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  qsort(argv[1], strlen(argv[1]), 1, compare);
  printf("%d %s %.3f\n", match(argv[1], argv[2]), argv[1], atof(argv[2]));
#if LEVEL > 1
  printf("%g\n", compute(argv[2]));
  print_time(argv[1]);
#endif
  return 0;
}
