/* Divides the smallest integer by -1, whose quotient does not fit. */
static volatile int dividend = -2147483647 - 1;
static volatile int divisor = -1;

int main(void) {
  return dividend / divisor;
}
