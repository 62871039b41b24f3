/* Calls a function through a pointer of another type. */
static int negate(int value) {
  return -value;
}

static int (*volatile typed)(int) = negate;

int main(void) {
  double (*other)(double, double) = (double (*)(double, double))typed;
  return (int)other(1.0, 2.0);
}
