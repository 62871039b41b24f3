;; Prints how many things differ from a fresh instance (bytes of memory, globals, table entries,
;; pages, table size), then dirties all it can. In a fresh slot the answer is always 0. Dropped
;; segments show themselves too: using them again would trap.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 64)
  (table $entries 8 32 funcref)
  (global $small (mut i32) (i32.const 0))
  (global $large (mut i64) (i64.const 0))
  (global $single (mut f32) (f32.const 0))
  (global $double (mut f64) (f64.const 0))
  (global $reference (mut funcref) (ref.null func))
  (data $marker "marker")
  (elem $entry func $count_memory)
  (elem declare func $dirty)

  ;; Non-zero bytes of the whole memory.
  (func $count_memory (result i32)
    (local $at i32) (local $end i32) (local $found i32)
    (local.set $end (i32.mul (memory.size) (i32.const 65536)))
    (loop $next
      (local.set $found
        (i32.add (local.get $found) (i32.ne (i32.load8_u (local.get $at)) (i32.const 0))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $found))

  (func $count_globals (result i32)
    (i32.ne (global.get $small) (i32.const 0))
    (i32.add (i64.ne (global.get $large) (i64.const 0)))
    (i32.add (f32.ne (global.get $single) (f32.const 0)))
    (i32.add (f64.ne (global.get $double) (f64.const 0)))
    (i32.add (i32.eqz (ref.is_null (global.get $reference)))))

  (func $count_table (result i32)
    (local $at i32) (local $found i32)
    (loop $next
      (local.set $found
        (i32.add (local.get $found) (i32.eqz (ref.is_null (table.get $entries (local.get $at))))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (table.size $entries))))
    (local.get $found))

  (func $count_sizes (result i32)
    (i32.add (i32.ne (memory.size) (i32.const 2)) (i32.ne (table.size $entries) (i32.const 8))))

  (func $dirty
    (memory.init $marker (i32.const 64) (i32.const 0) (i32.const 6))
    (data.drop $marker)
    (table.init $entries $entry (i32.const 0) (i32.const 0) (i32.const 1))
    (elem.drop $entry)
    (drop (memory.grow (i32.const 8)))
    (memory.fill (i32.const 0) (i32.const 0xa5) (i32.mul (memory.size) (i32.const 65536)))
    (drop (table.grow $entries (ref.func $dirty) (i32.const 8)))
    (table.fill $entries (i32.const 0) (ref.func $dirty) (table.size $entries))
    (global.set $small (i32.const -1))
    (global.set $large (i64.const -1))
    (global.set $single (f32.const 1))
    (global.set $double (f64.const 1))
    (global.set $reference (ref.func $dirty)))

  ;; At 0: one iovec; at 8: bytes written; decimal digits end at 48.
  (func $print (param $value i32)
    (local $at i32)
    (local.set $at (i32.const 48))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $value) (i32.const 10))))
      (local.set $value (i32.div_u (local.get $value) (i32.const 10)))
      (br_if $digit (local.get $value)))
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (i32.sub (i32.const 48) (local.get $at)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (call $print
      (i32.add
        (i32.add (call $count_memory) (call $count_globals))
        (i32.add (call $count_table) (call $count_sizes))))
    (call $dirty)))
