// What a program sees of preview 1 through wasi-libc. Argument 1 names the case; each prints what
// it found, and the test says what that has to be.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *name_of_errno(int failed) {
  return failed ? strerror(errno) : "ok";
}

static void arguments(int argc, char **argv) {
  const char *variable = getenv("GREETING");
  printf("%d %s %s\n", argc, argv[argc - 1], variable ? variable : "none");
}

static void files(void) {
  char line[32] = "";
  FILE *file = fopen("/data/hello.txt", "r");
  if (file == NULL || fgets(line, sizeof line, file) == NULL)
    printf("fopen: %s\n", name_of_errno(1));
  fseek(file, -5, SEEK_END);
  printf("%s%ld %c\n", line, ftell(file), fgetc(file));
  fclose(file);
  struct stat stat_of;
  printf("%d %d\n", stat("/data/dir", &stat_of), S_ISDIR(stat_of.st_mode));
  printf("%d %d\n", lstat("/data/link", &stat_of), S_ISLNK(stat_of.st_mode));
  const ssize_t length = readlink("/data/link", line, sizeof line);
  printf("%.*s\n", (int)length, line);
}

static void listing(void) {
  int entries = 0;
  DIR *directory = opendir("/data/dir");
  for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
    entries++;
  printf("%d %s\n", entries, name_of_errno(opendir("/data/hello.txt") == NULL));
}

static void read_only(void) {
  printf("open to write: %s\n", name_of_errno(open("/data/hello.txt", O_WRONLY) < 0));
  printf("create: %s\n", name_of_errno(fopen("/data/new", "w") == NULL));
  printf("mkdir: %s\n", name_of_errno(mkdir("/data/new", 0777)));
  printf("unlink: %s\n", name_of_errno(unlink("/data/hello.txt")));
  printf("rename: %s\n", name_of_errno(rename("/data/hello.txt", "/data/b")));
  printf("outside: %s\n", name_of_errno(open("/data/outside", O_RDONLY) < 0));
  printf("elsewhere: %s\n", name_of_errno(open("/etc/passwd", O_RDONLY) < 0));
  printf("seek: %s\n", name_of_errno(lseek(0, 0, SEEK_SET) < 0));
}

static void waiting(void) {
  const struct timespec little = {0, 1000000};
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  const int slept = nanosleep(&little, NULL);
  clock_gettime(CLOCK_MONOTONIC, &after);
  const long long ns =
      (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
  struct pollfd input = {.fd = 0, .events = POLLIN};
  const int ready = poll(&input, 1, 1000);
  printf("%d %d %d %d %d\n", slept, ns >= 1000000, ready, (input.revents & POLLIN) != 0,
         sched_yield());
}

static void chance(void) {
  unsigned char one[16] = {0}, other[16] = {0};
  const int failed = getentropy(one, sizeof one) | getentropy(other, sizeof other);
  printf("%d %d\n", failed, memcmp(one, other, sizeof one) != 0);
}

int main(int argc, char **argv) {
  const char *wanted = argc > 1 ? argv[1] : "";
  if (strcmp(wanted, "arguments") == 0)
    arguments(argc, argv);
  else if (strcmp(wanted, "files") == 0)
    files();
  else if (strcmp(wanted, "listing") == 0)
    listing();
  else if (strcmp(wanted, "read-only") == 0)
    read_only();
  else if (strcmp(wanted, "waiting") == 0)
    waiting();
  else if (strcmp(wanted, "chance") == 0)
    chance();
  else
    return 2;
  return 0;
}
