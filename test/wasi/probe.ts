import { WASI_FUNCTIONS, WASI_MODULE } from '../../plugins/sandbox-v8/src/wasi-signatures';

// A module that does what its input says: calls of preview 1 with any arguments, also those that no
// libc would pass. The input is a header, records of one step each, their bytes, and then what is
// left for the function to read.

export const CALL_NAMES: readonly string[] = Object.keys(WASI_FUNCTIONS);
/** Where its memory ends; a case has the first 64 KiB for itself. */
export const MEMORY_BYTES = 0x40000;

const SCRIPT_AT = 0x20000;
const HEADER_BYTES = 16;
const RECORD_BYTES = 80;
const COPY = 100;
const SHOW = 101;
const GO_TO = 102;
const END = 103;

type Argument = number | bigint;

export type Step =
  | { kind: 'call'; name: string; args: readonly Argument[] }
  | { kind: 'put'; at: number; bytes: Buffer }
  | { kind: 'copy'; to: number; from: number; bytes: number }
  | { kind: 'show'; at: number; bytes: number }
  | { kind: 'again' };

/** Calls it; what it answers is the step's result. */
export const call = (name: string, ...args: Argument[]): Step => ({ kind: 'call', name, args });
/** Writes to memory. */
export const put = (at: number, ...parts: Buffer[]): Step => ({
  kind: 'put',
  at,
  bytes: Buffer.concat(parts),
});
export const copy = (to: number, from: number, bytes: number): Step => ({
  kind: 'copy',
  to,
  from,
  bytes,
});
/** What is in memory then is the step's result. */
export const show = (at: number, bytes: number): Step => ({ kind: 'show', at, bytes });
/** From the first step on, for ever. */
export const again: Step = { kind: 'again' };

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => bytes.writeUInt32LE(value >>> 0, i * 4));
  return bytes;
}

export function u64(...values: Argument[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, i) => bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), i * 8));
  return bytes;
}

export const text = (value: string): Buffer => Buffer.from(value);

/** Where argument `index` of step `step` lies, for `copy` to change it. */
export function argumentAt(step: number, index: number): number {
  return SCRIPT_AT + HEADER_BYTES + step * RECORD_BYTES + 8 + index * 8;
}

/** The input that makes the probe do the steps; results go to descriptor `reportTo`. */
export function script(steps: readonly Step[], rest: Buffer, reportTo = 1): Buffer {
  const dataAt = SCRIPT_AT + HEADER_BYTES + (steps.length + 1) * RECORD_BYTES;
  const data: Buffer[] = [];
  let next = dataAt;
  const records = steps.map((step) => {
    if (step.kind !== 'put') return record(step);
    data.push(step.bytes);
    next += step.bytes.length;
    return encode(COPY, [step.at, next - step.bytes.length, step.bytes.length]);
  });
  const body = Buffer.concat([...records, encode(END, []), ...data]);
  return Buffer.concat([u32(body.length, reportTo, 0, 0), body, rest]);
}

function record(step: Exclude<Step, { kind: 'put' }>): Buffer {
  switch (step.kind) {
    case 'call':
      return encode(CALL_NAMES.indexOf(step.name), step.args);
    case 'copy':
      return encode(COPY, [step.to, step.from, step.bytes]);
    case 'show':
      return encode(SHOW, [step.at, step.bytes]);
    case 'again':
      return encode(GO_TO, [SCRIPT_AT + HEADER_BYTES]);
  }
}

function encode(op: number, args: readonly Argument[]): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  bytes.writeUInt32LE(op, 0);
  u64(...args).copy(bytes, 8);
  return bytes;
}

/** The results of the steps as far as they were done: an errno for a call, bytes for a show. */
export function resultsOf(steps: readonly Step[], output: Buffer): (number | Buffer)[] {
  const results: (number | Buffer)[] = [];
  let at = 0;
  for (const step of steps) {
    const bytes = step.kind === 'call' ? 4 : step.kind === 'show' ? step.bytes : 0;
    if (bytes === 0 || at + bytes > output.length) continue;
    results.push(step.kind === 'call' ? output.readUInt32LE(at) : output.subarray(at, at + bytes));
    at += bytes;
  }
  return results;
}

const TYPES: Readonly<Record<string, string>> = { i: 'i32', I: 'i64' };

/** The probe in WebAssembly's text format. */
export function probeText(): string {
  const signatures = CALL_NAMES.map((name) => (WASI_FUNCTIONS[name] as [string])[0].split(':'));
  const imports = CALL_NAMES.map((name, i) => {
    const [params = '', results = ''] = signatures[i] as string[];
    const type = [...params].map((letter) => `(param ${TYPES[letter]})`).join(' ');
    const result = results === '' ? '' : '(result i32)';
    return `  (import "${WASI_MODULE}" "${name}" (func $${name} ${type} ${result}))`;
  });
  const calls = CALL_NAMES.map((name, op) => {
    const [params = '', results = ''] = signatures[op] as string[];
    const args = [...params].map((letter, k) => argument(letter, k)).join(' ');
    const called = `(call $${name} ${args})`;
    const said = results === '' ? `${called} unreachable` : `(call $answer ${called}) (return)`;
    return `    (if (i32.eq (local.get $op) (i32.const ${op})) (then ${said}))`;
  });
  return `(module\n${imports.join('\n')}\n${BODY.replace('CALLS', calls.join('\n'))})\n`;
}

function argument(letter: string, index: number): string {
  const loaded = `(i64.load (i32.add (local.get $at) (i32.const ${8 + 8 * index})))`;
  return letter === 'i' ? `(i32.wrap_i64 ${loaded})` : loaded;
}

const BODY = `
  (memory (export "memory") 4 4)
  (global $report (mut i32) (i32.const 1))
  (func $read (param $to i32) (param $left i32)
    (block $done
      (loop $more
        (br_if $done (i32.eqz (local.get $left)))
        (i32.store (i32.const 0x10000) (local.get $to))
        (i32.store (i32.const 0x10004) (local.get $left))
        (if (call $fd_read (i32.const 0) (i32.const 0x10000) (i32.const 1) (i32.const 0x10008))
          (then unreachable))
        (if (i32.eqz (i32.load (i32.const 0x10008))) (then unreachable))
        (local.set $to (i32.add (local.get $to) (i32.load (i32.const 0x10008))))
        (local.set $left (i32.sub (local.get $left) (i32.load (i32.const 0x10008))))
        (br $more))))
  (func $say (param $at i32) (param $bytes i32)
    (i32.store (i32.const 0x10000) (local.get $at))
    (i32.store (i32.const 0x10004) (local.get $bytes))
    (if (call $fd_write (global.get $report) (i32.const 0x10000) (i32.const 1)
          (i32.const 0x10008))
      (then unreachable)))
  (func $answer (param $errno i32)
    (i32.store (i32.const 0x10010) (local.get $errno))
    (call $say (i32.const 0x10010) (i32.const 4)))
  (func $low (param $at i32) (result i32) (i32.wrap_i64 (i64.load (local.get $at))))
  (func $do (param $op i32) (param $at i32)
    (if (i32.eq (local.get $op) (i32.const ${COPY}))
      (then
        (memory.copy (call $low (i32.add (local.get $at) (i32.const 8)))
          (call $low (i32.add (local.get $at) (i32.const 16)))
          (call $low (i32.add (local.get $at) (i32.const 24))))
        (return)))
    (if (i32.eq (local.get $op) (i32.const ${SHOW}))
      (then
        (call $say (call $low (i32.add (local.get $at) (i32.const 8)))
          (call $low (i32.add (local.get $at) (i32.const 16))))
        (return)))
CALLS
    unreachable)
  (func (export "_start") (local $at i32) (local $op i32)
    (call $read (i32.const ${SCRIPT_AT}) (i32.const ${HEADER_BYTES}))
    (global.set $report (i32.load (i32.const ${SCRIPT_AT + 4})))
    (call $read (i32.const ${SCRIPT_AT + HEADER_BYTES}) (i32.load (i32.const ${SCRIPT_AT})))
    (local.set $at (i32.const ${SCRIPT_AT + HEADER_BYTES}))
    (block $done
      (loop $next
        (local.set $op (i32.load (local.get $at)))
        (br_if $done (i32.eq (local.get $op) (i32.const ${END})))
        (if (i32.eq (local.get $op) (i32.const ${GO_TO}))
          (then
            (local.set $at (call $low (i32.add (local.get $at) (i32.const 8))))
            (br $next)))
        (call $do (local.get $op) (local.get $at))
        (local.set $at (i32.add (local.get $at) (i32.const ${RECORD_BYTES})))
        (br $next))))
`;
