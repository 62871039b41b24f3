/* Divides by zero. */
static volatile int dividend = 1;
static volatile int divisor = 0;

int main(void) {
  return dividend / divisor;
}
