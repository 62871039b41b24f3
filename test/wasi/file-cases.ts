import { argumentAt, copy, MEMORY_BYTES } from './probe';
import {
  BUFFER,
  call,
  DIRECTORY,
  E,
  is,
  onPath,
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
const HELLO = FILES['hello.txt'] as string;
const NAME = '/data';
const [REGULAR, FOLDER, LINK] = [4, 3, 7];

const files = (given: Omit<Case, 'files'>): Case => ({ ...given, files: true });
const stat = (type: number, size?: number) =>
  is(
    (bytes) =>
      bytes[16] === type && (size === undefined || bytes.readBigUInt64LE(32) === BigInt(size)),
  );
const hello = open('hello.txt');

const preopens: Case[] = [
  files({
    call: 'fd_prestat_get',
    says: 'tells the length of the name of a directory, and where they end',
    steps: [
      put(OUT, Buffer.alloc(8, 0xff)),
      call('fd_prestat_get', DIRECTORY, OUT),
      show(OUT, 8),
      call('fd_prestat_get', DIRECTORY + 1, OUT),
      call('fd_prestat_get', DIRECTORY, MEMORY_BYTES - 7),
    ],
    gives: [0, u32(0, NAME.length), E.badf, E.fault],
  }),
  files({
    call: 'fd_prestat_dir_name',
    says: 'gives the name where there is room for it',
    steps: [
      call('fd_prestat_dir_name', DIRECTORY, BUFFER, NAME.length),
      show(BUFFER, NAME.length),
      call('fd_prestat_dir_name', DIRECTORY, BUFFER, NAME.length + 9),
      call('fd_prestat_dir_name', DIRECTORY, BUFFER, NAME.length - 1),
      call('fd_prestat_dir_name', DIRECTORY, MEMORY_BYTES - 4, NAME.length),
      call('fd_prestat_dir_name', DIRECTORY + 1, BUFFER, NAME.length),
    ],
    gives: [0, text(NAME), 0, E.nametoolong, E.fault, E.badf],
  }),
];

const opening: Case[] = [
  files({
    call: 'path_open',
    says: 'opens a file with the rights that reading needs, at the lowest number',
    steps: [...hello, show(OUT, 4), call('fd_fdstat_get', OPENED, OUT), show(OUT, 24)],
    gives: [
      ...[0, u32(OPENED), 0],
      is((bytes) => {
        const rights = bytes.readBigUInt64LE(8);
        return bytes[0] === REGULAR && (rights & R.read) !== 0n && (rights & R.write) === 0n;
      }),
    ],
  }),
  files({
    call: 'path_open',
    says: 'goes through directories and links, and up, while it stays below',
    steps: ['dir/inner.txt', 'link', 'dir/up', 'dir/.//../dir/./inner.txt', 'to-dir/inner.txt']
      .flatMap((path) => open(path))
      .concat(transfer('fd_read', OPENED, 0)),
    gives: [0, 0, 0, 0, 0, 0],
  }),
  files({
    call: 'path_open',
    says: 'never leaves the directory: neither by "..", nor by a link, nor by an absolute path',
    steps: ['..', '../secret.txt', 'dir/../../secret.txt', 'outside', 'absolute', '/etc/passwd']
      .flatMap((path) => open(path))
      .concat(transfer('fd_read', OPENED, 0)),
    gives: [...Array<number>(6).fill(E.notcapable), E.badf],
  }),
  files({
    call: 'path_open',
    says: 'tells what is wrong with a path',
    steps: ['none', 'hello.txt/', 'hello.txt/x', '', 'a\0b', 'loop', 'x'.repeat(4096)].flatMap(
      (path) => open(path),
    ),
    gives: [E.noent, E.notdir, E.notdir, E.noent, E.inval, E.loop, E.nametoolong],
  }),
  files({
    call: 'path_open',
    says: 'does not follow a link at the end unless it is asked to',
    steps: ['link', 'to-dir/inner.txt'].flatMap((path) => open(path, { follow: false })),
    gives: [E.loop, 0],
  }),
  files({
    call: 'path_open',
    says: 'takes directories where they are wanted',
    steps: [
      ...open('dir', { flags: 2 }),
      ...open('hello.txt', { flags: 2 }),
      ...open('dir'),
      ...open('inner.txt', { fd: OPENED }),
      ...open('../hello.txt', { fd: OPENED }),
    ],
    gives: [0, E.notdir, 0, 0, E.notcapable],
  }),
  files({
    call: 'path_open',
    says: 'opens nothing to be written, and makes nothing',
    steps: [
      ...open('hello.txt', { base: R.read | R.write }),
      ...open('hello.txt', { flags: 8 }),
      ...open('new.txt', { flags: 1 }),
      ...open('hello.txt', { flags: 1 | 4 }),
      ...open('hello.txt', { flags: 1 }),
      ...open('dir', { base: R.write }),
      ...open('none', { base: R.write }),
      ...open('new.txt'),
    ],
    gives: [E.rofs, E.rofs, E.rofs, E.exist, 0, E.isdir, E.noent, E.noent],
  }),
  files({
    call: 'path_open',
    says: 'opens neither pipes nor what else is the host’s',
    steps: open('pipe'),
    gives: [E.notsup],
  }),
  files({
    call: 'path_open',
    says: 'gives no rights that the directory may not pass on',
    steps: [
      call('fd_fdstat_set_rights', DIRECTORY, 1n << 13n, R.tell),
      ...hello,
      ...open('hello.txt', { base: R.tell | R.seek }),
      call('fd_fdstat_get', OPENED, OUT),
      show(OUT + 8, 8),
    ],
    gives: [0, E.notcapable, 0, 0, u64(R.tell)],
  }),
  files({
    call: 'path_open',
    says: 'refuses unknown flags, synchronised writing, and places beyond memory',
    steps: [
      ...open('hello.txt', { flags: 16 }),
      ...open('hello.txt', { fdflags: 32 }),
      ...open('hello.txt', { fdflags: 16 }),
      call('path_open', DIRECTORY, 2, BUFFER, 1, 0, 0, 0, 0, OUT),
      call('path_open', DIRECTORY, 0, MEMORY_BYTES - 1, 2, 0, 0, 0, 0, OUT),
      call('path_open', DIRECTORY, 0, BUFFER, 0xffffffff, 0, 0, 0, 0, OUT),
      call('path_open', DIRECTORY, 0, BUFFER, 1, 0, 0, 0, 0, MEMORY_BYTES - 3),
    ],
    gives: [E.inval, E.inval, E.notsup, E.inval, E.fault, E.fault, E.fault],
  }),
  files({
    call: 'path_filestat_get',
    says: 'tells kind and size, of a link itself unless it is to be followed',
    steps: [
      ...onPath('path_filestat_get', 'link', [1], [BUFFER]),
      show(BUFFER, 64),
      ...onPath('path_filestat_get', 'link', [0], [BUFFER]),
      show(BUFFER, 64),
      ...onPath('path_filestat_get', 'dir', [0], [BUFFER]),
      show(BUFFER, 64),
    ],
    gives: [0, stat(REGULAR, HELLO.length), 0, stat(LINK, 9), 0, stat(FOLDER)],
  }),
  files({
    call: 'path_filestat_get',
    says: 'never looks outside, and refuses places beyond memory',
    steps: [
      ...['outside', 'absolute', '/etc/passwd', '..'].flatMap((path) =>
        onPath('path_filestat_get', path, [1], [BUFFER]),
      ),
      ...onPath('path_filestat_get', 'none', [1], [BUFFER]),
      ...onPath('path_filestat_get', 'link', [2], [BUFFER]),
      ...onPath('path_filestat_get', 'link', [1], [MEMORY_BYTES - 63]),
    ],
    gives: [...Array<number>(4).fill(E.notcapable), E.noent, E.inval, E.fault],
  }),
  files({
    call: 'path_readlink',
    says: 'gives what a link says, cut where there is no more room',
    steps: [
      put(BUFFER, Buffer.alloc(16, 0xff)),
      ...onPath('path_readlink', 'link', [], [BUFFER, 16, OUT]),
      show(OUT, 4),
      show(BUFFER, 10),
      ...onPath('path_readlink', 'link', [], [BUFFER, 4, OUT]),
      show(OUT, 4),
    ],
    gives: [0, u32(9), Buffer.concat([text('hello.txt'), Buffer.from([0xff])]), 0, u32(4)],
  }),
  files({
    call: 'path_readlink',
    says: 'is for links that exist below, and refuses places beyond memory',
    steps: [
      ...onPath('path_readlink', 'hello.txt', [], [BUFFER, 16, OUT]),
      ...onPath('path_readlink', 'none', [], [BUFFER, 16, OUT]),
      ...onPath('path_readlink', '../link', [], [BUFFER, 16, OUT]),
      ...onPath('path_readlink', 'link', [], [MEMORY_BYTES - 15, 16, OUT]),
    ],
    gives: [E.inval, E.noent, E.notcapable, E.fault],
  }),
];

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

/** A call that would change what lies below the directory. */
const unwritten = (
  name: string,
  steps: readonly Case['steps'][number][],
  more: Case['steps'] = [],
) =>
  files({
    call: name,
    says: 'changes nothing: the directory is to be read',
    steps: [...steps, ...more, ...onPath('path_filestat_get', 'dir/inner.txt', [0], [BUFFER])],
    gives: [E.rofs, ...more.flatMap((step) => (step.kind === 'call' ? [E.fault] : [])), 0],
  });
const FAR = MEMORY_BYTES - 1;

const writing: Case[] = [
  unwritten('path_create_directory', onPath('path_create_directory', 'new'), [
    call('path_create_directory', DIRECTORY, FAR, 2),
  ]),
  unwritten('path_remove_directory', onPath('path_remove_directory', 'dir'), [
    call('path_remove_directory', DIRECTORY, FAR, 2),
  ]),
  unwritten('path_unlink_file', onPath('path_unlink_file', 'dir/inner.txt'), [
    call('path_unlink_file', DIRECTORY, FAR, 2),
  ]),
  unwritten(
    'path_filestat_set_times',
    onPath('path_filestat_set_times', 'dir/inner.txt', [0], [1, 1, 5]),
    [call('path_filestat_set_times', DIRECTORY, 0, FAR, 2, 1, 1, 5)],
  ),
  unwritten('path_link', onPath('path_link', 'dir/inner.txt', [0], [DIRECTORY, 0x400, 3]), [
    call('path_link', DIRECTORY, 0, 0x400, 3, DIRECTORY, FAR, 2),
  ]),
  unwritten('path_rename', onPath('path_rename', 'dir/inner.txt', [], [DIRECTORY, 0x400, 3]), [
    call('path_rename', DIRECTORY, 0x400, 3, DIRECTORY, FAR, 2),
  ]),
  unwritten(
    'path_symlink',
    [put(0x400, text('new')), call('path_symlink', 0x400, 3, DIRECTORY, 0x400, 3)],
    [call('path_symlink', FAR, 2, DIRECTORY, 0x400, 3)],
  ),
  ...(
    [
      ['fd_write', E.badf, E.badf, [0x200, 0, OUT]],
      ['fd_pwrite', E.badf, E.badf, [0x200, 0, 0, OUT]],
      ['fd_allocate', E.badf, E.badf, [0, 100]],
      ['fd_filestat_set_size', E.badf, E.badf, [0]],
      ['fd_filestat_set_times', E.rofs, E.rofs, [1, 1, 5]],
    ] as const
  ).map(([name, onFile, onDirectory, after]) =>
    files({
      call: name,
      says: 'changes no file and no directory',
      steps: [
        ...hello,
        call(name, OPENED, ...after),
        call(name, DIRECTORY, ...after),
        call('fd_filestat_get', OPENED, BUFFER),
        show(BUFFER, 64),
      ],
      gives: [0, onFile, onDirectory, 0, stat(REGULAR, HELLO.length)],
    }),
  ),
  ...(
    [
      ['sock_recv', [0x200, 0, 0, OUT, OUT + 4]],
      ['sock_shutdown', [3]],
    ] as const
  ).map(([name, after]) =>
    files({
      call: name,
      says: 'knows files and directories for no sockets',
      steps: [call(name, DIRECTORY, ...after)],
      gives: [E.notsock],
    }),
  ),
];

export const fileCases: readonly Case[] = [
  ...preopens,
  ...opening,
  ...reading,
  ...listing,
  ...writing,
];
