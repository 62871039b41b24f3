import { MEMORY_BYTES } from './probe';
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
  put,
  R,
  show,
  text,
  transfer,
  u32,
  u64,
  type Case,
} from './cases';
import { HELLO, NAME, REGULAR, FOLDER, LINK, files, stat, hello } from './files';

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

export const pathCases: readonly Case[] = [...preopens, ...opening];
