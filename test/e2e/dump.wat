;; Answers all of its memory, also what it has just grown by.
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (func (export "_start")
    (drop (memory.grow (i32.const 44)))
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4)
      (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 16)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))
