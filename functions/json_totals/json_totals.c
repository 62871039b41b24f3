/* Reads a JSON array of orders and answers with totals by customer, also as JSON.
 *
 * In:  [{"customer": "Ada", "items": [{"price": 2.5, "count": 3}, ...]}, ...]; other members are
 *      read over, whatever they hold. Prices have at most two decimals.
 * Out: {"orders": 2, "total": 12.50, "customers": [{"customer": "Ada", "orders": 1, ...}, ...]}
 */
#include <stdio.h>
#include <stdlib.h>

#include "../wasi_io.h"

enum { INPUT_BYTES_MAX = 256 * 1024, CUSTOMERS_MAX = 256, NAME_BYTES_MAX = 64, DEPTH_MAX = 64 };

typedef struct customer {
  char name[NAME_BYTES_MAX];
  unsigned orders;
  long long cents;
} customer;

static char input[INPUT_BYTES_MAX + 1];
static const char *at = input;
static customer customers[CUSTOMERS_MAX];
static unsigned customer_count;

_Noreturn static void refuse(const char *why) {
  fprintf(stderr, "json_totals: %s at byte %d\n", why, (int)(at - input));
  exit(2);
}

static void skip_spaces(void) {
  while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')
    at += 1;
}

static int accept(char wanted) {
  skip_spaces();
  if (*at != wanted)
    return 0;
  at += 1;
  return 1;
}

static void require(char wanted) {
  if (!accept(wanted))
    refuse("unexpected character");
}

/* The text between quotes, as it is written: escapes stay escapes. */
static void read_string(char *to, size_t capacity) {
  require('"');
  size_t length = 0;
  while (*at != '"') {
    if ((unsigned char)*at < 0x20)
      refuse("a string is not closed");
    size_t count = *at == '\\' && at[1] != '\0' ? 2 : 1;
    if (length + count >= capacity)
      refuse("a name is too long");
    memcpy(to + length, at, count);
    length += count;
    at += count;
  }
  at += 1;
  to[length] = '\0';
}

static void skip_value(int depth);

static void skip_string(void) {
  require('"');
  for (; *at != '"'; at += 1) {
    if ((unsigned char)*at < 0x20)
      refuse("a string is not closed");
    if (*at == '\\' && at[1] != '\0')
      at += 1;
  }
  at += 1;
}

static void skip_members(char end, int depth) {
  if (accept(end))
    return;
  do {
    if (end == '}') {
      skip_spaces();
      skip_string();
      require(':');
    }
    skip_value(depth + 1);
  } while (accept(','));
  require(end);
}

static void skip_value(int depth) {
  if (depth > DEPTH_MAX)
    refuse("it is nested too deeply");
  skip_spaces();
  if (*at == '"')
    return skip_string();
  if (accept('{'))
    return skip_members('}', depth);
  if (accept('['))
    return skip_members(']', depth);
  size_t length = strspn(at, "+-.0123456789eEtrufalsn");
  if (length == 0)
    refuse("unexpected character");
  at += length;
}

/* A number times a hundred; its third decimal and those behind are refused. */
static long long read_hundredths(void) {
  skip_spaces();
  int is_negative = accept('-');
  if (*at < '0' || *at > '9')
    refuse("a number is missing");
  long long value = 0;
  for (; *at >= '0' && *at <= '9'; at += 1) {
    if (value > 1000000000)
      refuse("a number is too large");
    value = value * 10 + (*at - '0');
  }
  value *= 100;
  if (*at == '.') {
    at += 1;
    for (int place = 10; *at >= '0' && *at <= '9'; at += 1, place /= 10) {
      if (place == 0)
        refuse("a price has more than two decimals");
      value += place * (*at - '0');
    }
  }
  return is_negative ? -value : value;
}

static long long read_item(void) {
  long long price = 0, count = 100;
  require('{');
  if (accept('}'))
    return 0;
  do {
    char name[NAME_BYTES_MAX];
    skip_spaces();
    read_string(name, sizeof name);
    require(':');
    if (strcmp(name, "price") == 0)
      price = read_hundredths();
    else if (strcmp(name, "count") == 0)
      count = read_hundredths();
    else
      skip_value(0);
  } while (accept(','));
  require('}');
  return price * (count / 100);
}

static long long read_items(void) {
  long long cents = 0;
  require('[');
  if (accept(']'))
    return 0;
  do {
    cents += read_item();
  } while (accept(','));
  require(']');
  return cents;
}

static customer *find_customer(const char *name) {
  for (unsigned i = 0; i < customer_count; i += 1)
    if (strcmp(customers[i].name, name) == 0)
      return &customers[i];
  if (customer_count == CUSTOMERS_MAX)
    refuse("there are too many customers");
  customer *added = &customers[customer_count++];
  strcpy(added->name, name);
  return added;
}

static void read_order(void) {
  char owner[NAME_BYTES_MAX] = "";
  long long cents = 0;
  require('{');
  if (!accept('}')) {
    do {
      char name[NAME_BYTES_MAX];
      skip_spaces();
      read_string(name, sizeof name);
      require(':');
      skip_spaces();
      if (strcmp(name, "customer") == 0)
        read_string(owner, sizeof owner);
      else if (strcmp(name, "items") == 0)
        cents = read_items();
      else
        skip_value(0);
    } while (accept(','));
    require('}');
  }
  customer *found = find_customer(owner);
  found->orders += 1;
  found->cents += cents;
}

static int by_cents(const void *a, const void *b) {
  const customer *left = a, *right = b;
  if (left->cents != right->cents)
    return left->cents < right->cents ? 1 : -1;
  return strcmp(left->name, right->name);
}

static void print_cents(const char *name, long long cents) {
  long long size = cents < 0 ? -cents : cents;
  printf("\"%s\":%s%lld.%02lld", name, cents < 0 ? "-" : "", size / 100, size % 100);
}

int main(void) {
  size_t length = read_all((uint8_t *)input, INPUT_BYTES_MAX);
  input[length] = '\0';
  require('[');
  if (!accept(']')) {
    do {
      read_order();
    } while (accept(','));
    require(']');
  }
  qsort(customers, customer_count, sizeof customers[0], by_cents);
  unsigned orders = 0;
  long long cents = 0;
  for (unsigned i = 0; i < customer_count; i += 1) {
    orders += customers[i].orders;
    cents += customers[i].cents;
  }
  printf("{\"orders\":%u,", orders);
  print_cents("total", cents);
  printf(",\"customers\":[");
  for (unsigned i = 0; i < customer_count; i += 1) {
    printf("%s{\"customer\":\"%s\",\"orders\":%u,", i > 0 ? "," : "", customers[i].name,
           customers[i].orders);
    print_cents("total", customers[i].cents);
    printf("}");
  }
  printf("]}\n");
  return 0;
}
