;; Loops that load, and whose argument says how far: 8000 elements of 8 bytes fit the memory, from
;; 8193 on an access lies out of bounds. Each must then trap, whatever becomes of its value.
(module
  (memory 1)
  (func $fill (local $i i32)
    (loop $l
      (i64.store (local.get $i)
        (i64.mul (i64.extend_i32_u (local.get $i)) (i64.const 0x9e3779b97f4a7c15)))
      (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 65536)))))
  (start $fill)

  (func (export "dropped") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (drop (i64.load (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  (func (export "last_only") (param $n i32) (result i32) (local $i i32) (local $x i32)
    (loop $l
      (local.set $x (i32.load (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.add (local.get $x) (i32.load (i32.const 16))))

  (func (export "sum_unused") (param $n i32) (result i32) (local $i i32) (local $x f64)
    (loop $l
      (local.set $x (f64.add (local.get $x) (f64.load (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  (func (export "integer_sum_unused") (param $n i32) (result i32) (local $i i32) (local $x i32)
    (loop $l
      (local.set $x (i32.add (local.get $x) (i32.load (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  (func (export "onto_itself") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (f64.store (local.get $i) (f64.load (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 800)))

  (func (export "times_one") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (f64.store (local.get $i) (f64.mul (f64.load (local.get $i)) (f64.const 1)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $n))

  (func (export "times_zero") (param $n i32) (result i32) (local $i i32) (local $zero i32)
    (loop $l
      (i32.store (i32.const 0) (i32.mul (i32.load (local.get $i)) (local.get $zero)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 0)))

  (func (export "plus_known_zero") (param $n i32) (result i32) (local $i i32) (local $zero i32)
    (loop $l
      (i32.store (local.get $i) (i32.add (i32.load (local.get $i)) (local.get $zero)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 800)))

  (func (export "cancelled") (param $n i32) (result i32)
    (local $i i32) (local $x i32) (local $y i32)
    (loop $l
      (local.set $y (i32.load (local.get $i)))
      (local.set $x (i32.add (i32.sub (local.get $x) (local.get $y)) (local.get $y)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))

  (func (export "always_one_place") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (f64.store (i32.const 64) (f64.add (f64.load (local.get $i)) (f64.const 2.5)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 68)))

  (func (export "overwritten") (param $n i32) (result i32) (local $i i32) (local $j i32)
    (loop $l
      (f64.store (local.get $j) (f64.add (f64.load (local.get $i)) (f64.const 2.5)))
      (f64.store (local.get $j) (f64.const 7))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 4)))

  (func (export "times_known_nan") (param $n i32) (result i32) (local $i i32) (local $x f64)
    (local.set $x (f64.div (f64.const 0) (f64.const 0)))
    (loop $l
      (f64.store (i32.and (local.get $i) (i32.const 0xff8))
        (f64.add (f64.load (local.get $i)) (local.get $x)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.shr_u (i32.and (i32.load (i32.const 4)) (i32.const 0x7ff00000)) (i32.const 20)))

  (func (export "one_after_the_first") (param $n i32) (result i32) (local $i i32) (local $x f64)
    (local.set $x (f64.const 3))
    (loop $l
      (f64.store (local.get $i) (f64.mul (f64.load (local.get $i)) (local.get $x)))
      (local.set $x (f64.const 1))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 4)))

  (func (export "scaled") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (f64.store (local.get $i) (f64.mul (f64.load (local.get $i)) (f64.const 0.5)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 804)))

  (func (export "smaller") (param $n i32) (result i32) (local $i i32) (local $x i32) (local $y i32)
    (loop $l
      (local.set $x (i32.load (local.get $i)))
      (local.set $y (i32.load offset=4 (local.get $i)))
      (i32.store (local.get $i)
        (select (local.get $x) (local.get $y) (i32.lt_s (local.get $x) (local.get $y))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 804))))
