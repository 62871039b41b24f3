/* Answers with the status in argv[1] (200 without one), headers and a body, in CGI's format. */
#include "../wasi_io.h"

int main(int argc, char **argv) {
  uint64_t status;
  if (!number_argument(argc, argv, 200, &status) || status < 200 || status > 599) {
    write_text(STANDARD_ERROR, "cgi: give a status from 200 to 599\n");
    return 2;
  }
  write_text(STANDARD_OUTPUT, "Status: ");
  write_decimal(STANDARD_OUTPUT, status);
  write_text(STANDARD_OUTPUT, " Chosen\r\nContent-Type: application/json\r\nX-Function: cgi\r\n"
                              "\r\n{\"status\":");
  write_decimal(STANDARD_OUTPUT, status);
  write_text(STANDARD_OUTPUT, "}");
  return 0;
}
