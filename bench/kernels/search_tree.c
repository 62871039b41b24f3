/* Inserts n random keys into a binary search tree and looks each of them up. */
#include "kernel.h"

#define CAPACITY 65536

typedef struct node {
  uint32_t key;
  struct node *less;
  struct node *more;
} node;

static node nodes[CAPACITY];

static node *insert(node *root, node *added) {
  node **place = &root;
  while (*place != NULL)
    place = added->key < (*place)->key ? &(*place)->less : &(*place)->more;
  *place = added;
  return root;
}

static uint32_t depth_of(const node *root, uint32_t key) {
  uint32_t depth = 0;
  while (root != NULL && root->key != key) {
    root = key < root->key ? root->less : root->more;
    depth += 1;
  }
  return depth;
}

KERNEL {
  if (n > CAPACITY)
    return 0;
  uint32_t seed = 77;
  node *root = NULL;
  for (uint32_t i = 0; i < n; i += 1) {
    nodes[i] = (node){.key = next_random(&seed)};
    root = insert(root, &nodes[i]);
  }
  uint32_t hash = FOLD_START;
  for (uint32_t i = 0; i < n; i += 1)
    hash = fold(hash, depth_of(root, nodes[i].key));
  return hash;
}
