;; Loops that may be asked at their entry whether they trap, and loops that look like them and may
;; not. The memory has 64 KiB; the argument says how many iterations, mostly of 8 bytes.
(module
  (memory 1)
  (global $seen (mut i32) (i32.const 0))

  ;; An access that only some iterations make, to where all of them store.
  (func (export "sometimes_where_always") (param $n i32) (result i32)
    (local $i i32) (local $x i32)
    (loop $l
      (i32.store offset=4 (local.get $i) (local.get $n))
      (block $b
        (br_if $b (i32.and (local.get $n) (i32.const 1)))
        (local.set $x (i32.load (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  ;; The last iteration's access is not made when the argument is even.
  (func (export "not_at_the_end") (param $n i32) (result i32) (local $i i32) (local $x i32)
    (loop $l
      (drop (i32.load (local.get $x)))
      (if (i32.and (local.get $n) (i32.const 1))
        (then (drop (i64.load (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  (func (export "behind_a_branch") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (block $b
        (drop (i32.load8_u (local.get $i)))
        (br_if $b (i32.lt_u (local.get $n) (i32.const 3)))
        (drop (i64.load offset=16 (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  ;; Left after a hundred iterations.
  (func (export "left_early") (param $n i32) (result i32) (local $i i32)
    (block $out
      (loop $l
        (drop (i64.load (local.get $i)))
        (br_if $out (i32.eq (local.get $i) (i32.const 800)))
        (local.set $i (i32.add (local.get $i) (i32.const 8)))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (local.get $i))

  (func (export "returned_early") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (drop (i64.load (local.get $i)))
      (if (i32.eq (local.get $i) (i32.const 800)) (then (return (local.get $n))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  ;; Another trap comes first.
  (func (export "divides") (param $n i32) (result i32) (local $i i32) (local $x i32)
    (loop $l
      (local.set $x (i32.add (local.get $x)
        (i32.div_u (i32.const 1000) (i32.sub (i32.const 808) (local.get $i)))))
      (drop (i64.load (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))

  (func (export "gives_up") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (if (i32.eq (local.get $i) (i32.const 808)) (then (unreachable)))
      (drop (i64.load (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  (func (export "divides_by_known") (param $n i32) (result i32) (local $i i32) (local $x i32)
    (loop $l
      (local.set $x (i32.div_u (local.get $i) (i32.const 7)))
      (drop (i64.load (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $x))

  ;; Downwards, to 0 and past it.
  (func (export "down") (param $n i32) (result i32) (local $i i32) (local $x i32)
    (local.set $i (i32.mul (local.get $n) (i32.const 8)))
    (loop $l
      (drop (i64.load (local.tee $i (i32.sub (local.get $i) (i32.const 8)))))
      (local.set $x (i32.add (local.get $x) (i32.const 1)))
      (br_if $l (i32.ne (local.get $x) (local.get $n))))
    (local.get $x))

  (func (export "past_0") (param $n i32) (result i32) (local $i i32)
    (local.set $i (i32.const 56))
    (loop $l
      (drop (i64.load (local.get $i)))
      (local.set $i (i32.sub (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  ;; Begins below 2^32, where nothing is; the second iteration would be at 0.
  (func (export "past_the_top") (param $n i32) (result i32) (local $i i32)
    (local.set $i (i32.const -8))
    (loop $l
      (drop (i64.load (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  ;; A neighbour of the access is in memory again when the access itself is not.
  (func (export "neighbour") (param $n i32) (result i32) (local $i i32)
    (local.set $i (i32.const -4))
    (loop $l
      (drop (i32.load (local.get $i)))
      (drop (i32.load (i32.add (local.get $i) (i32.const 4))))
      (drop (i32.load (i32.sub (local.get $i) (i32.const -12))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  (func (export "neighbours") (param $n i32) (result i32) (local $i i32) (local $x i32)
    (loop $l
      (local.set $x (i32.load (local.get $i)))
      (drop (i32.load (i32.add (local.get $i) (i32.const 4))))
      (drop (i32.load16_u offset=2 (i32.add (local.get $i) (i32.const 8))))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  ;; The counter meets its limit only when 3 divides the argument, or after it has come by 0.
  (func (export "by_three") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (drop (i64.load (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 24)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 3)))))
    (local.get $i))

  ;; The access stays, and the loop never ends unless 2 divides the argument.
  (func (export "stays") (param $n i32) (result i32) (local $i i32)
    (local.set $i (local.get $n))
    (loop $l
      (drop (i64.load offset=57336 (local.get $n)))
      (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (local.get $i))

  ;; Behind the branch to the head, once.
  (func (export "behind_the_loop") (param $n i32) (result i32) (local $i i32)
    (block $out
      (loop $l
        (drop (i32.load8_u (local.get $i)))
        (local.set $i (i32.add (local.get $i) (i32.const 8)))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
        (drop (i64.load offset=1600 (local.get $i)))
        (br $out)))
    (local.get $i))

  ;; A local that one way steps and the other does not.
  (func (export "two_ways") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (drop (i64.load (local.get $i)))
      (if (i32.and (local.get $n) (i32.const 1))
        (then (local.set $i (i32.add (local.get $i) (i32.const 8))))
        (else (local.set $i (i32.add (local.get $i) (i32.const 16)))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $i))

  (func (export "swapped") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $x i32)
    (loop $l
      (drop (i64.load (local.get $i)))
      (local.set $x (local.get $i))
      (local.set $i (i32.add (local.get $j) (i32.const 8)))
      (local.set $j (local.get $x))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.add (local.get $i) (local.get $j)))

  ;; Vectors, and a lane.
  (func (export "vectors") (param $n i32) (result i32) (local $i i32) (local $v v128)
    (loop $l
      (local.set $v (v128.load64_splat (local.get $i)))
      (local.set $v (v128.load8_lane offset=3 7 (local.get $i) (local.get $v)))
      (v128.store32_lane 0 (local.get $i) (v128.load offset=16 (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 80)))

  ;; Sums of two locals, scaled.
  (func (export "scaled") (param $n i32) (result i32) (local $i i32) (local $k i32) (local $j i32)
    (local.set $k (i32.const 16))
    (loop $l
      (drop (i64.load (i32.add (local.get $k) (i32.shl (local.get $i) (i32.const 3)))))
      (drop (i32.load8_u (i32.add (i32.mul (local.get $i) (i32.const 4)) (local.get $j))))
      (local.set $j (i32.add (local.get $j) (i32.const 4)))
      (br_if $l (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $j))

  ;; The counter is stepped when the loop has been left: at 0 it goes around once.
  (func (export "stepped_behind") (param $n i32) (result i32) (local $x i32)
    (block $out
      (loop $l
        (drop (i64.load (i32.shl (local.get $n) (i32.const 3))))
        (br_if $l (local.get $x))
        (local.set $x (i32.add (local.get $x) (i32.const 1)))
        (br $out)))
    (local.get $x))

  ;; As far as an address, a constant and a distance reach together.
  (func (export "far") (param $n i32) (result i32) (local $i i32) (local $k i32)
    (local.set $i (i32.sub (local.get $n) (i32.const 1)))
    (local.set $k (i32.const 2))
    (loop $l
      (drop (v128.load (local.get $i)))
      (drop (v128.load offset=0xffffffff (i32.add (local.get $i) (i32.const 65535))))
      (br_if $l (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))
    (local.get $i))

  (func (export "grows") (param $n i32) (result i32) (local $i i32)
    (loop $l
      (drop (i64.load (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (global.set $seen (local.get $i))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.add (global.get $seen) (i32.eq (memory.grow (i32.const 70000)) (i32.const -1)))))
