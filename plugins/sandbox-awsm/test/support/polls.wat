;; Loops of every kind that the poll planner tells apart; each function computes a checksum.
(module
  (memory 4)
  (table 2 funcref)
  (elem (i32.const 0) $step $step_twice)
  (type $unary (func (param i32) (result i32)))

  (func $step (type $unary) (i32.add (i32.mul (local.get 0) (i32.const 31)) (i32.const 7)))
  (func $step_twice (type $unary) (call $step (call $step (local.get 0))))

  (func (export "counted_up") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.xor (i32.mul (local.get $sum) (i32.const 33)) (local.get $i)))
      (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $sum))

  (func (export "counted_down") (param $n i32) (result i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.xor (i32.mul (local.get $sum) (i32.const 33)) (local.get $n)))
      (br_if $l (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $sum))

  (func (export "counted_by_twelve") (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (local.set $n (i32.mul (local.get $n) (i32.const 12)))
    (loop $l
      (i32.store (i32.and (local.get $i) (i32.const 0xfffc)) (local.get $sum))
      (local.set $sum
        (i32.add (local.get $sum) (i32.load (i32.and (local.get $sum) (i32.const 0xfffc)))))
      (local.set $sum (i32.add (local.get $sum) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 12)))
      (br_if $l (i32.ne (local.get $i) (local.get $n))))
    (local.get $sum))

  ;; Passes its limit, which the step does not divide, goes round, and leaves by another way.
  (func (export "passes_its_limit") (param $n i32) (result i32) (local $i i32) (local $count i32)
    (block $out
      (loop $l
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br_if $out (i32.eq (local.get $count) (local.get $n)))
        (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 3))) (i32.const 1000)))))
    (i32.add (local.get $count) (local.get $i)))

  (func (export "nested") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $sum i32)
    (loop $outer
      (local.set $j (i32.const 0))
      (loop $inner
        (local.set $sum (i32.rotl (i32.add (local.get $sum) (local.get $j)) (i32.const 5)))
        (br_if $inner (i32.ne (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 9))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $outer (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $sum))

  (func (export "searches") (param $n i32) (result i32) (local $x i32)
    (local.set $x (local.get $n))
    (block $out
      (loop $l
        (br_if $out (i32.le_u (local.get $x) (i32.const 1)))
        (local.set $x (if (result i32) (i32.and (local.get $x) (i32.const 1))
          (then (i32.add (i32.mul (local.get $x) (i32.const 3)) (i32.const 1)))
          (else (i32.shr_u (local.get $x) (i32.const 1)))))
        (br $l)))
    (local.get $x))

  (func $recursive (export "recursive") (param $n i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else (i32.add (call $recursive (i32.sub (local.get $n) (i32.const 1)))
                     (call $recursive (i32.sub (local.get $n) (i32.const 2)))))))

  (func (export "calls") (param $n i32) (result i32) (local $x i32)
    (loop $l
      (local.set $x (call $step (local.get $x)))
      (local.set $x (call_indirect (type $unary) (local.get $x)
        (i32.and (local.get $n) (i32.const 1))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))

  (func (export "floats") (param $n i32) (result i32)
    (local $a f64) (local $b f64) (local $c f32) (local $i i32)
    (local.set $a (f64.const 1.5))
    (local.set $b (f64.const 0.25))
    (local.set $c (f32.const 3))
    (loop $l
      (local.set $a (f64.div (f64.add (local.get $a) (local.get $b)) (f64.const 1.0625)))
      (local.set $b (f64.sqrt (f64.add (local.get $b) (local.get $a))))
      (local.set $c (f32.sub (f32.mul (local.get $c) (f32.const 0.75)) (f32.const 0.5)))
      (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (i32.add (i32.reinterpret_f32 (local.get $c))
      (i32.wrap_i64 (i64.xor (i64.reinterpret_f64 (local.get $a))
        (i64.shr_u (i64.reinterpret_f64 (local.get $b)) (i64.const 7))))))

  (func (export "bulk") (param $n i32) (result i32)
    (loop $l
      (memory.fill (i32.const 0) (local.get $n) (i32.const 200000))
      (memory.copy (i32.const 3) (i32.const 0) (i32.const 200000))
      (memory.copy (i32.const 0) (i32.const 5) (i32.const 200000))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 77777))))
