/* Scans a JSON-like text byte by byte: nesting, strings with escapes, numbers; n times. */
#include "kernel.h"

#define CAPACITY 65536

static char text[CAPACITY];

static uint32_t append(uint32_t at, const char *part) {
  for (; *part != '\0' && at < CAPACITY; part += 1)
    text[at++] = *part;
  return at;
}

static uint32_t generate(void) {
  uint32_t seed = 5;
  uint32_t at = append(0, "[");
  while (at < CAPACITY - 128) {
    at = append(at, "{\"name\":\"edge \\\"node\\\" ");
    text[at++] = (char)('a' + next_random(&seed) % 26);
    at = append(at, "\",\"load\":0.");
    for (int i = 0; i < 6; i += 1)
      text[at++] = (char)('0' + next_random(&seed) % 10);
    at = append(at, ",\"tags\":[true,null,-12e3, {\"deep\": [ ] } ]},");
  }
  return append(at, "{}]");
}

static uint32_t scan_string(uint32_t at, uint32_t length) {
  while (at < length && text[at] != '"')
    at += text[at] == '\\' ? 2 : 1;
  return at + 1;
}

static int is_number(char byte) {
  return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' || byte == '.' || byte == 'e' ||
         byte == 'E';
}

static uint32_t scan(uint32_t length) {
  uint32_t hash = FOLD_START;
  uint32_t depth = 0;
  uint32_t at = 0;
  while (at < length) {
    char byte = text[at];
    at += 1;
    switch (byte) {
    case '{':
    case '[':
      depth += 1;
      break;
    case '}':
    case ']':
      depth -= 1;
      hash = fold(hash, depth);
      break;
    case '"': {
      uint32_t end = scan_string(at, length);
      hash = fold(hash, end - at);
      at = end;
      break;
    }
    case ' ':
    case ',':
    case ':':
      break;
    default:
      if (is_number(byte))
        while (at < length && is_number(text[at]))
          at += 1;
      else
        while (at < length && text[at] >= 'a' && text[at] <= 'z')
          at += 1;
      hash = fold(hash, at);
    }
  }
  return hash;
}

KERNEL {
  uint32_t length = generate();
  uint32_t hash = 0;
  for (uint32_t round = 0; round < n; round += 1) {
    text[length - 4] = round & 1 ? ' ' : ',';
    hash += scan(length);
  }
  return hash;
}
