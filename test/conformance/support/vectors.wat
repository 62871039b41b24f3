;; Takes 16 bytes from standard input, churns them through vectors that are all live at once, and
;; writes three vectors: long enough to be preempted many times.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00\10\00\00\00\50\00\00\00\30\00\00\00")
  (global $kept (mut v128) (v128.const i64x2 1 2))

  (func (export "_start")
    (local $i i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $e v128) (local $f v128)
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
    (local.set $a (v128.load (i32.const 64)))
    (local.set $e (f32x4.convert_i32x4_u (local.get $a)))
    (loop $l
      (local.set $b (i32x4.add (local.get $a) (i32x4.splat (local.get $i))))
      (local.set $c (i64x2.add (v128.xor (local.get $c) (local.get $b)) (local.get $a)))
      (local.set $d (i16x8.add_sat_u (local.get $c) (i8x16.avgr_u (local.get $d) (local.get $b))))
      (local.set $e (f32x4.sqrt (f32x4.abs
        (f32x4.add (local.get $e) (f32x4.convert_i32x4_s (local.get $d))))))
      (local.set $f (i32x4.dot_i16x8_s (local.get $d) (local.get $f)))
      (global.set $kept (i64x2.add (global.get $kept) (v128.xor (local.get $f) (local.get $e))))
      (local.set $a (i8x16.shuffle 3 2 1 0 7 6 5 4 24 25 26 27 28 29 30 31
        (local.get $c) (local.get $b)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 2000000))))
    (v128.store (i32.const 80) (v128.xor (local.get $a) (local.get $c)))
    (v128.store (i32.const 96) (v128.xor (local.get $d) (local.get $e)))
    (v128.store (i32.const 112) (i64x2.add (global.get $kept) (local.get $f)))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))
