/* Never ends by itself. */
static volatile unsigned counter;

int main(void) {
  for (;;)
    counter = counter + 1;
}
