/* Answers a page that greets argv[1]. */
#include "../wasi_io.h"

static void write_escaped(const char *text) {
  for (; *text != '\0'; text += 1) {
    if (*text == '<')
      write_text(STANDARD_OUTPUT, "&lt;");
    else if (*text == '>')
      write_text(STANDARD_OUTPUT, "&gt;");
    else if (*text == '&')
      write_text(STANDARD_OUTPUT, "&amp;");
    else
      write_all(STANDARD_OUTPUT, text, 1);
  }
}

int main(int argc, char **argv) {
  write_text(STANDARD_OUTPUT, "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
                              "<title>Sledge</title></head>\n<body><h1>Hello, ");
  write_escaped(argc > 1 ? argv[1] : "edge");
  write_text(STANDARD_OUTPUT, "</h1></body>\n</html>\n");
  return 0;
}
