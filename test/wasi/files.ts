import { is, open, type Case } from './cases';

/** The directory that the cases find as `/data`. */
export const FILES: Readonly<Record<string, string>> = {
  'hello.txt': 'hello, file\n',
  'dir/inner.txt': 'inner',
  'big.bin': 'x'.repeat(200_000),
};
/** What a link names; `pipe` beside them is a named pipe. */
export const LINKS: Readonly<Record<string, string>> = {
  link: 'hello.txt',
  'dir/up': '../hello.txt',
  outside: '../secret.txt',
  absolute: '/etc/passwd',
  loop: 'loop',
  'to-dir': 'dir',
};
export const HELLO = FILES['hello.txt'] as string;
export const NAME = '/data';
export const [REGULAR, FOLDER, LINK] = [4, 3, 7];

export const files = (given: Omit<Case, 'files'>): Case => ({ ...given, files: true });
export const stat = (type: number, size?: number) =>
  is(
    (bytes) =>
      bytes[16] === type && (size === undefined || bytes.readBigUInt64LE(32) === BigInt(size)),
  );
export const hello = open('hello.txt');
