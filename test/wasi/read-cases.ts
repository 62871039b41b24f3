import { argumentAt, copy, MEMORY_BYTES } from './probe';
import {
  BUFFER,
  call,
  DIRECTORY,
  E,
  is,
  open,
  OPENED,
  OUT,
  pread,
  put,
  R,
  show,
  text,
  transfer,
  u32,
  u64,
  vectors,
  type Case,
} from './cases';
import { HELLO, REGULAR, FOLDER, files, stat, hello } from './files';

const reading: Case[] = [
  files({
    call: 'fd_read',
    says: 'reads a file on from where it is, to its end',
    steps: [
      ...hello,
      vectors(5, 2),
      transfer('fd_read', OPENED, 2),
      show(BUFFER, 7),
      transfer('fd_read', OPENED, 2),
      show(OUT, 4),
      transfer('fd_read', OPENED, 2),
      show(OUT, 4),
    ],
    gives: [0, 0, text('hello, '), 0, u32(5), 0, u32(0)],
  }),
  files({
    call: 'fd_read',
    says: 'reads more than one turn of work at once',
    steps: [
      ...open('big.bin'),
      put(0x200, u32(0x1000, 0xf000, 0x10100, 0xff00)),
      transfer('fd_read', OPENED, 2),
      show(OUT, 4),
      show(0xfff0, 4),
    ],
    gives: [0, 0, u32(0xf000 + 0xff00), text('xxxx')],
  }),
  files({
    call: 'fd_read',
    says: 'is not for directories, and needs its right',
    steps: [
      transfer('fd_read', DIRECTORY, 0),
      ...open('hello.txt', { base: R.tell }),
      transfer('fd_read', OPENED, 0),
    ],
    gives: [E.isdir, 0, E.notcapable],
  }),
  files({
    call: 'fd_pread',
    says: 'reads at a place and leaves the file where it is',
    steps: [
      ...hello,
      vectors(2, 2),
      pread(OPENED, 2, 7),
      show(BUFFER, 4),
      pread(OPENED, 2, 100),
      show(OUT, 4),
      call('fd_tell', OPENED, OUT),
      show(OUT, 8),
    ],
    gives: [0, 0, text('file'), 0, u32(0), 0, u64(0)],
  }),
  files({
    call: 'fd_pread',
    says: 'refuses directories, places below zero or beyond memory, and a missing right',
    steps: [
      ...hello,
      vectors(2),
      pread(DIRECTORY, 1, 0),
      pread(OPENED, 1, -1n),
      call('fd_pread', OPENED, MEMORY_BYTES - 7, 1, 0, OUT),
      call('fd_pread', OPENED, 0x200, 1, 0, MEMORY_BYTES - 3),
      call('fd_fdstat_set_rights', OPENED, R.read, 0),
      pread(OPENED, 1, 0),
    ],
    gives: [0, E.isdir, E.inval, E.fault, E.fault, 0, E.notcapable],
  }),
  files({
    call: 'fd_seek',
    says: 'moves from the start, from here and from the end, also beyond it',
    steps: [
      ...hello,
      call('fd_seek', OPENED, 7, 0, OUT),
      call('fd_seek', OPENED, -2n, 1, OUT),
      show(OUT, 8),
      call('fd_seek', OPENED, -5n, 2, OUT),
      vectors(4),
      transfer('fd_read', OPENED, 1),
      show(BUFFER, 4),
      call('fd_seek', OPENED, 100, 2, OUT),
      show(OUT, 8),
    ],
    gives: [0, 0, 0, u64(5), 0, 0, text('file'), 0, u64(112)],
  }),
  files({
    call: 'fd_seek',
    says: 'refuses what lies before the start, overflows, is no whence or no file',
    steps: [
      ...hello,
      call('fd_seek', OPENED, -1n, 0, OUT),
      call('fd_seek', OPENED, 3, 3, OUT),
      call('fd_seek', OPENED, 1, 0, OUT),
      call('fd_seek', OPENED, 0x7fffffffffffffffn, 1, OUT),
      call('fd_seek', DIRECTORY, 0, 1, OUT),
      call('fd_seek', OPENED, 0, 0, MEMORY_BYTES - 7),
      call('fd_fdstat_set_rights', OPENED, R.tell, 0),
      call('fd_seek', OPENED, 0, 1, OUT),
      call('fd_seek', OPENED, 0, 0, OUT),
    ],
    gives: [0, E.inval, E.inval, 0, E.inval, E.isdir, E.fault, 0, 0, E.notcapable],
  }),
  files({
    call: 'fd_tell',
    says: 'tells where the file is',
    steps: [
      ...hello,
      call('fd_seek', OPENED, 3, 0, OUT),
      call('fd_tell', OPENED, OUT),
      show(OUT, 8),
      call('fd_tell', DIRECTORY, OUT),
      call('fd_tell', OPENED, MEMORY_BYTES - 7),
    ],
    gives: [0, 0, 0, u64(3), E.isdir, E.fault],
  }),
  files({
    call: 'fd_filestat_get',
    says: 'tells kind and size of what is open',
    steps: [
      ...hello,
      call('fd_filestat_get', OPENED, BUFFER),
      show(BUFFER, 64),
      call('fd_filestat_get', DIRECTORY, BUFFER),
      show(BUFFER, 64),
    ],
    gives: [0, 0, stat(REGULAR, HELLO.length), 0, stat(FOLDER)],
  }),
  files({
    call: 'fd_close',
    says: 'closes files and directories, whose numbers are given again',
    steps: [
      ...hello,
      call('fd_close', DIRECTORY),
      call('fd_prestat_get', DIRECTORY, OUT),
      call('fd_close', OPENED),
      call('fd_read', OPENED, 0x200, 0, OUT),
    ],
    gives: [0, 0, E.badf, 0, E.badf],
  }),
  files({
    call: 'fd_renumber',
    says: 'moves a file over standard input, and a preopened directory over a file',
    steps: [
      ...hello,
      ...open('dir/inner.txt'),
      call('fd_renumber', OPENED, 0),
      vectors(5),
      transfer('fd_read', 0, 1),
      show(BUFFER, 5),
      call('fd_renumber', DIRECTORY, OPENED + 1),
      ...open('hello.txt', { fd: OPENED + 1 }),
      show(OUT, 4),
    ],
    gives: [0, 0, 0, 0, text('hello'), 0, 0, u32(DIRECTORY)],
  }),
  files({
    call: 'poll_oneoff',
    says: 'tells what is left of a file at once, and refuses a directory',
    steps: [
      ...hello,
      call('fd_seek', OPENED, 2, 0, OUT),
      put(BUFFER, u64(1, 1), u32(OPENED, 0), Buffer.alloc(24)),
      put(BUFFER + 48, u64(2, 1), u32(DIRECTORY, 0), Buffer.alloc(24)),
      call('poll_oneoff', BUFFER, BUFFER + 0x400, 2, OUT),
      show(BUFFER + 0x400, 64),
    ],
    gives: [
      ...[0, 0, 0],
      Buffer.concat([
        u64(1),
        u32(0x10000, 0),
        u64(10, 0),
        u64(2),
        u32(E.badf + 0x10000, 0),
        u64(0, 0),
      ]),
    ],
  }),
  files({
    call: 'fd_advise',
    says: 'passes known advice on, and leaves the file as it is',
    steps: [
      ...hello,
      ...[0, 1, 2, 3, 4, 5, 6].map((advice) => call('fd_advise', OPENED, 0, 0, advice)),
      call('fd_advise', OPENED, -1n, 0, 0),
      call('fd_advise', DIRECTORY, 0, 0, 0),
      vectors(5),
      pread(OPENED, 1, 0),
      show(BUFFER, 5),
    ],
    gives: [0, 0, 0, 0, 0, 0, 0, E.inval, E.inval, E.badf, 0, text('hello')],
  }),
  ...['fd_sync', 'fd_datasync'].map((name) =>
    files({
      call: name,
      says: 'has nothing left to do for what cannot be written, and needs its right',
      steps: [
        ...hello,
        call(name, OPENED),
        call(name, DIRECTORY),
        call('fd_fdstat_set_rights', OPENED, R.read, 0),
        call(name, OPENED),
      ],
      gives: [0, E.success, 0, 0, E.notcapable],
    }),
  ),
];

const HEADER_BYTES = 24;

/** Names in what fd_readdir wrote; those that were cut are not. */
export function namesIn(bytes: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 16);
    const name = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
    if (length === 0 || name.length < length) break;
    names.push(name.toString());
    at += HEADER_BYTES + length;
  }
  return names.sort();
}

const ALL = ['.', '..', 'absolute', 'big.bin', 'dir', 'hello.txt', 'link', 'loop', 'outside']
  .concat('pipe', 'to-dir')
  .sort();

const listing: Case[] = [
  files({
    call: 'fd_readdir',
    says: 'lists everything once, and has room left then',
    steps: [
      put(BUFFER, Buffer.alloc(1024)),
      call('fd_readdir', DIRECTORY, BUFFER, 1024, 0, OUT),
      show(OUT, 4),
      show(BUFFER, 1024),
    ],
    gives: [
      0,
      is((bytes) => bytes.readUInt32LE() < 1024),
      is((bytes) => namesIn(bytes).join() === ALL.join()),
    ],
  }),
  files({
    call: 'fd_readdir',
    says: 'cuts what does not fit, and goes on from the cookie of an entry',
    steps: [
      put(BUFFER, Buffer.alloc(1024)),
      call('fd_readdir', DIRECTORY, BUFFER, 30, 0, OUT),
      show(OUT, 4),
      // the cookie behind the first entry
      copy(argumentAt(4, 3), BUFFER, 8),
      call('fd_readdir', DIRECTORY, BUFFER, 1024, 0, OUT),
      show(BUFFER, 1024),
    ],
    gives: [0, u32(30), 0, is((bytes) => namesIn(bytes).length === ALL.length - 1)],
  }),
  files({
    call: 'fd_readdir',
    says: 'lists what was opened as a directory, and no file',
    steps: [
      ...open('dir', { flags: 2 }),
      ...hello,
      put(BUFFER, Buffer.alloc(256)),
      call('fd_readdir', OPENED, BUFFER, 256, 0, OUT),
      show(BUFFER, 256),
      call('fd_readdir', OPENED + 1, BUFFER, 256, 0, OUT),
    ],
    gives: [0, 0, 0, is((bytes) => namesIn(bytes).join() === '.,..,inner.txt,up'), E.notdir],
  }),
  files({
    call: 'fd_readdir',
    says: 'refuses places beyond memory, impossible cookies, and a missing right',
    steps: [
      call('fd_readdir', DIRECTORY, MEMORY_BYTES - 8, 9, 0, OUT),
      call('fd_readdir', DIRECTORY, BUFFER, 64, 0, MEMORY_BYTES - 3),
      call('fd_readdir', DIRECTORY, BUFFER, 64, -1n, OUT),
      call('fd_readdir', DIRECTORY, BUFFER, 0, 0, OUT),
      show(OUT, 4),
      call('fd_fdstat_set_rights', DIRECTORY, 0, 0),
      call('fd_readdir', DIRECTORY, BUFFER, 64, 0, OUT),
    ],
    gives: [E.fault, E.fault, E.inval, 0, u32(0), 0, E.notcapable],
  }),
];

export const readCases: readonly Case[] = [...reading, ...listing];
