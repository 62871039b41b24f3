/* bulk.h - bulk memory and table operations, inside the module and in bounded chunks.
 *
 * A chunk is 64 KiB; between chunks a polled module looks at `pending`, so that no copy delays
 * preemption for long. Nothing here calls libc: a module imports no symbol.
 */
#ifndef SLEDGE_BULK_H
#define SLEDGE_BULK_H

#define CHUNK_BYTES 65536u
#define CHUNK_ENTRIES (CHUNK_BYTES / (u32)sizeof(sledge_table_entry))

INLINE void bulk_poll(sledge_instance *I) {
#if SLEDGE_READS_TIME
  if (UNLIKELY(__atomic_load_n(&I->pending, __ATOMIC_RELAXED) != 0 ||
               __builtin_ia32_rdtsc() >= I->leave_at_tsc))
    I->host->safepoint(I);
#elif SLEDGE_POLLED
  if (UNLIKELY(__atomic_load_n(&I->pending, __ATOMIC_RELAXED) != 0))
    I->host->safepoint(I);
#else
  (void)I;
#endif
}

/* ---- bytes ---- */

/* A vector is read as a whole before it is written; a struct need not be where the two overlap. */
typedef u64 block16 __attribute__((vector_size(16), aligned(1), may_alias));

/* Lowest address first: right for any overlap where `to` is below `from`. */
INLINE void copy_up(u8 *to, const u8 *from, u64 count) {
  if (count >= 768 && (to + count <= from || from + count <= to)) {
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    return;
  }
  for (; count >= 16; count -= 16, to += 16, from += 16)
    *(block16 *)to = *(const block16 *)from;
  for (; count > 0; count--)
    *to++ = *from++;
}

/* Highest address first: right for any overlap where `to` is above `from`. */
INLINE void copy_down(u8 *to, const u8 *from, u64 count) {
  while (count >= 16) {
    count -= 16;
    *(block16 *)(to + count) = *(const block16 *)(from + count);
  }
  while (count > 0) {
    count--;
    to[count] = from[count];
  }
}

INLINE void fill_up(u8 *to, u8 value, u64 count) {
  if (count >= 512) {
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
    return;
  }
  u64 word = 0x0101010101010101ull * value;
  block16 block = {word, word};
  for (; count >= 16; count -= 16, to += 16)
    *(block16 *)to = block;
  for (; count > 0; count--)
    *to++ = value;
}

/* ---- memory.fill, memory.copy, memory.init ---- */

OUTLINE void memory_fill(sledge_instance *I, u8 *base, u64 bytes, u32 at, u32 value, u32 count) {
  if (UNLIKELY((u64)at + count > bytes))
    trap(I, SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
  u8 *to = base + at;
  while (count > CHUNK_BYTES) {
    fill_up(to, (u8)value, CHUNK_BYTES);
    to += CHUNK_BYTES;
    count -= CHUNK_BYTES;
    bulk_poll(I);
  }
  fill_up(to, (u8)value, count);
}

OUTLINE void memory_copy(sledge_instance *I, u8 *base, u64 bytes, u32 to_at, u32 from_at,
                         u32 count) {
  if (UNLIKELY((u64)to_at + count > bytes || (u64)from_at + count > bytes)) {
    trap(I, SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
  }
  u8 *to = base + to_at;
  const u8 *from = base + from_at;
  if (to_at > from_at && (u64)from_at + count > to_at) {
    while (count > CHUNK_BYTES) {
      count -= CHUNK_BYTES;
      copy_down(to + count, from + count, CHUNK_BYTES);
      bulk_poll(I);
    }
    copy_down(to, from, count);
    return;
  }
  while (count > CHUNK_BYTES) {
    copy_up(to, from, CHUNK_BYTES);
    to += CHUNK_BYTES;
    from += CHUNK_BYTES;
    count -= CHUNK_BYTES;
    bulk_poll(I);
  }
  copy_up(to, from, count);
}

OUTLINE void memory_init(sledge_instance *I, u8 *base, u64 bytes, const u8 *data, u32 data_bytes,
                         u32 to_at, u32 from_at, u32 count) {
  if (UNLIKELY((u64)to_at + count > bytes || (u64)from_at + count > data_bytes)) {
    trap(I, SLEDGE_TRAP_MEMORY_OUT_OF_BOUNDS);
  }
  u8 *to = base + to_at;
  const u8 *from = data + from_at;
  while (count > CHUNK_BYTES) {
    copy_up(to, from, CHUNK_BYTES);
    to += CHUNK_BYTES;
    from += CHUNK_BYTES;
    count -= CHUNK_BYTES;
    bulk_poll(I);
  }
  copy_up(to, from, count);
}

/* ---- tables ---- */

INLINE sledge_table_entry func_entry(ref value) {
  const sledge_funcref *f = (const sledge_funcref *)value;
  if (f == 0)
    return (sledge_table_entry){0, 0, 0, 0};
  return (sledge_table_entry){f->code, f->instance, f->type_id, value};
}

INLINE sledge_table_entry extern_entry(ref value) {
  return (sledge_table_entry){0, 0, 0, value};
}

/* The entry to call; a null entry's type is 0, which no type has. */
INLINE const sledge_table_entry *callee(sledge_instance *I, const sledge_table *table, u32 size,
                                        u32 index, u64 type_id) {
  if (UNLIKELY(index >= size))
    trap(I, SLEDGE_TRAP_UNDEFINED_ELEMENT);
  const sledge_table_entry *entry = &table->entries[index];
  if (UNLIKELY(entry->type_id != type_id)) {
    trap(I, entry->type_id == 0 ? SLEDGE_TRAP_UNINITIALIZED_ELEMENT
                                : SLEDGE_TRAP_INDIRECT_CALL_MISMATCH);
  }
  return entry;
}

INLINE ref table_get(sledge_instance *I, const sledge_table *table, u32 index) {
  if (UNLIKELY(index >= table->size))
    trap(I, SLEDGE_TRAP_TABLE_OUT_OF_BOUNDS);
  return table->entries[index].ref;
}

INLINE void table_set(sledge_instance *I, sledge_table *table, u32 index,
                      sledge_table_entry entry) {
  if (UNLIKELY(index >= table->size))
    trap(I, SLEDGE_TRAP_TABLE_OUT_OF_BOUNDS);
  table->entries[index] = entry;
}

OUTLINE u32 table_grow(sledge_instance *I, sledge_table *table, u32 delta,
                       sledge_table_entry entry) {
  return I->host->table_grow(I, table, delta, &entry);
}

OUTLINE void table_fill(sledge_instance *I, sledge_table *table, u32 at, sledge_table_entry entry,
                        u32 count) {
  if (UNLIKELY((u64)at + count > table->size))
    trap(I, SLEDGE_TRAP_TABLE_OUT_OF_BOUNDS);
  for (u32 done = 0; done < count; done++) {
    table->entries[at + done] = entry;
    if (done % CHUNK_ENTRIES == CHUNK_ENTRIES - 1)
      bulk_poll(I);
  }
}

/* Defined by each module: what an item of an element segment refers to. */
INLINE ref item_ref(sledge_instance *I, u32 item);

OUTLINE void table_init(sledge_instance *I, sledge_table *to, const u32 *items, u32 item_count,
                        u32 is_func, u32 to_at, u32 from_at, u32 count) {
  if (UNLIKELY((u64)to_at + count > to->size || (u64)from_at + count > item_count)) {
    trap(I, SLEDGE_TRAP_TABLE_OUT_OF_BOUNDS);
  }
  for (u32 done = 0; done < count; done++) {
    ref value = item_ref(I, items[from_at + done]);
    to->entries[to_at + done] = is_func ? func_entry(value) : extern_entry(value);
    if (done % CHUNK_ENTRIES == CHUNK_ENTRIES - 1)
      bulk_poll(I);
  }
}

OUTLINE void table_copy(sledge_instance *I, sledge_table *to, const sledge_table *from, u32 to_at,
                        u32 from_at, u32 count) {
  if (UNLIKELY((u64)to_at + count > to->size || (u64)from_at + count > from->size)) {
    trap(I, SLEDGE_TRAP_TABLE_OUT_OF_BOUNDS);
  }
  int down = to_at > from_at;
  for (u32 done = 0; done < count; done++) {
    u32 place = down ? count - 1 - done : done;
    to->entries[to_at + place] = from->entries[from_at + place];
    if (done % CHUNK_ENTRIES == CHUNK_ENTRIES - 1)
      bulk_poll(I);
  }
}

#endif
