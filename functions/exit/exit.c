/* Ends with the exit code in argv[1]. */
#include "../wasi_io.h"

int main(int argc, char **argv) {
  uint64_t code;
  if (!number_argument(argc, argv, 0, &code)) {
    write_text(STANDARD_ERROR, "exit: give a decimal exit code\n");
    return 2;
  }
  __wasi_proc_exit((__wasi_exitcode_t)code);
}
