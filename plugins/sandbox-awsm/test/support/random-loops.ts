import type { Random } from '../../../../test/fuzz/random';

const LOCALS = ['$i', '$j', '$k'];
const LOADS = ['i32.load8_u', 'i32.load16_u', 'i32.load', 'i64.load', 'f64.load', 'v128.load'];
const OFFSETS = [0, 0, 0, 0, 0, 0, 1, 4, 4, 8, 16, 200, 65_530, 0xffff_fff0];
const STRIDES = [1, 4, 8, 8, 8, 16, -4, -8, -16, 4096, 65_536, 65_540, 1 << 20];
const CONSTANTS = [0, 1, 4, 4, 8, 8, 56, 64, 4096, 65_000, 65_535, -1, -4, -8, -64, -65_536];
const FACTORS = [1, 2, 4, 8, -8, 16];
/** More statements than are stood in each other. */
const DEPTH_MAX = 2;

/** WAT of a module of counted loops, exported as f0, f1 and so on. Each ends or traps soon. */
export function randomLoops(random: Random, count: number): string {
  const functions = Array.from({ length: count }, (_, i) => new LoopText(random).text(i));
  return `(module (memory 1)\n${functions.join('\n')})`;
}

class LoopText {
  constructor(private readonly random: Random) {}

  text(index: number): string {
    const { random } = this;
    const step = random.pick([1, 1, 1, 2, 3, 8]);
    const starts = LOCALS.map((local) => `(local.set ${local} ${this.start()})`).join(' ');
    const meets = step === 1 || random.oneIn(2);
    const counter = meets
      ? `(i32.mul (local.get $n) (i32.const ${String(step)}))`
      : '(local.get $n)';
    const end = meets
      ? ''
      : `(drop (i64.load (local.get $e)))
      (local.set $e (i32.add (local.get $e) (i32.const 64)))`;
    return `(func (export "f${String(index)}") (param $n i32) (result i32)
    (local $i i32) (local $j i32) (local $k i32) (local $c i32) (local $e i32)
    ${starts} (local.set $c ${counter})
    (block $out (loop $l
      ${this.statements(0)} ${end}
      (br_if $l (local.tee $c (i32.sub (local.get $c) (i32.const ${String(step)}))))))
    (i32.add (i32.add (local.get $i) (i32.mul (local.get $j) (i32.const 3)))
      (i32.add (i32.mul (local.get $k) (i32.const 5)) (i32.load (i32.const 64)))))`;
  }

  private start(): string {
    const { random } = this;
    if (random.oneIn(2)) return `(i32.const ${String(random.pick(CONSTANTS))})`;
    return `(i32.mul (local.get $n) (i32.const ${String(random.pick(FACTORS))}))`;
  }

  private statements(depth: number): string {
    const count = 1 + this.random.below(4);
    return Array.from({ length: count }, () => this.statement(depth)).join('\n      ');
  }

  private statement(depth: number): string {
    const { random } = this;
    switch (random.below(depth < DEPTH_MAX ? 12 : 7)) {
      case 0:
      case 1:
      case 2:
        return this.step();
      case 3:
        return `(i32.store ${this.place()} (local.get $c))`;
      case 7:
        return `(if ${this.condition()} (then ${this.statements(depth + 1)}))`;
      case 8:
        return `(if ${this.condition()} (then ${this.statements(depth + 1)})
        (else ${this.statements(depth + 1)}))`;
      case 9:
        return `(block ${this.statements(depth + 1)} (br_if 0 ${this.condition()})
        ${this.statements(depth + 1)})`;
      case 10:
        return random.oneIn(6) ? `(br_if $out ${this.condition()})` : this.step();
      default:
        return `(drop (${random.pick(LOADS)} ${this.place()}))`;
    }
  }

  private step(): string {
    const { random } = this;
    const [to, from] = [random.pick(LOCALS), random.pick(LOCALS)];
    const by = `(i32.const ${String(random.pick(STRIDES))})`;
    return `(local.set ${to} (i32.add (local.get ${random.oneIn(5) ? from : to}) ${by}))`;
  }

  private place(): string {
    return `offset=${String(this.random.pick(OFFSETS))} ${this.address()}`;
  }

  private address(): string {
    const { random } = this;
    const local = `(local.get ${random.pick(LOCALS)})`;
    const constant = `(i32.const ${String(random.pick(CONSTANTS))})`;
    switch (random.below(6)) {
      case 0:
        return `(i32.add ${local} ${constant})`;
      case 1:
        return `(i32.sub ${local} ${constant})`;
      case 2:
        return `(i32.add (i32.shl ${local} (i32.const 3)) (local.get ${random.pick(LOCALS)}))`;
      default:
        return local;
    }
  }

  private condition(): string {
    const { random } = this;
    if (random.oneIn(2)) return '(i32.and (local.get $c) (i32.const 3))';
    const bound = String(random.bits() >>> 18);
    return `(i32.lt_u (local.get ${random.pick(LOCALS)}) (i32.const ${bound}))`;
  }
}
