/* Does nothing: what a request costs without its function. */
int main(void) {
  return 0;
}
