/* functions/sha256: the sum of a body of 16 KiB, n times. */
#include "application.h"

#include "../../functions/sha256/sha256.c"

KERNEL {
  static char text[16384];
  fill_text(text, sizeof text, "0123456789\n");
  answer_hash = FOLD_START;
  for (uint32_t round = 0; round < n; round += 1) {
    set_body(text, sizeof text);
    application_main();
  }
  return answer_hash;
}
