/* Sorts n random integers, recursively, with insertion sort for short ranges. */
#include "kernel.h"

#define CAPACITY 200000

static uint32_t values[CAPACITY];

static void insertion_sort(int low, int high) {
  for (int i = low + 1; i <= high; i += 1) {
    uint32_t value = values[i];
    int at = i;
    for (; at > low && values[at - 1] > value; at -= 1)
      values[at] = values[at - 1];
    values[at] = value;
  }
}

static void quicksort(int low, int high) {
  if (high - low < 12) {
    insertion_sort(low, high);
    return;
  }
  uint32_t pivot = values[low + (high - low) / 2];
  int left = low;
  int right = high;
  while (left <= right) {
    while (values[left] < pivot)
      left += 1;
    while (values[right] > pivot)
      right -= 1;
    if (left > right)
      break;
    uint32_t swapped = values[left];
    values[left] = values[right];
    values[right] = swapped;
    left += 1;
    right -= 1;
  }
  quicksort(low, right);
  quicksort(left, high);
}

KERNEL {
  if (n == 0 || n > CAPACITY)
    return 0;
  uint32_t seed = 99;
  for (uint32_t i = 0; i < n; i += 1)
    values[i] = next_random(&seed);
  quicksort(0, (int)n - 1);
  uint32_t hash = FOLD_START;
  for (uint32_t i = 0; i < n; i += 100)
    hash = fold(hash, values[i]);
  return hash;
}
