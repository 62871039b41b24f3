import { MEMORY_BYTES } from './probe';
import {
  BUFFER,
  call,
  E,
  is,
  OUT,
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

const input = text('abcdef');
const [STDIN, STDOUT, STDERR, NOT_OPEN] = [0, 1, 2, 31];
const VECTORS = 0x200;

const reading: Case[] = [
  {
    call: 'fd_read',
    says: 'gives input to the buffers in turn, and nothing at its end',
    input,
    steps: [
      vectors(4, 0, 1),
      transfer('fd_read', STDIN, 3),
      show(OUT, 4),
      show(BUFFER, 5),
      transfer('fd_read', STDIN, 3),
      show(OUT, 4),
      show(BUFFER, 5),
      transfer('fd_read', STDIN, 3),
      show(OUT, 4),
    ],
    gives: [0, u32(5), text('abcde'), 0, u32(1), text('fbcde'), 0, u32(0)],
  },
  {
    call: 'fd_read',
    says: 'takes vectors at any address, and none at all',
    input,
    steps: [
      put(VECTORS + 1, u32(BUFFER + 1, 3)),
      call('fd_read', STDIN, VECTORS + 1, 1, OUT + 1),
      show(OUT + 1, 4),
      show(BUFFER + 1, 3),
      call('fd_read', STDIN, VECTORS, 0, OUT),
      show(OUT, 4),
    ],
    gives: [0, u32(3), text('abc'), 0, u32(0)],
  },
  {
    call: 'fd_read',
    says: 'refuses vectors, buffers and results beyond memory, and takes nothing then',
    input,
    steps: [
      put(VECTORS, u32(BUFFER, 2, MEMORY_BYTES - 1, 2)),
      transfer('fd_read', STDIN, 2),
      call('fd_read', STDIN, MEMORY_BYTES - 7, 1, OUT),
      call('fd_read', STDIN, 0xfffffff8, 1, OUT),
      vectors(2),
      call('fd_read', STDIN, VECTORS, 1, MEMORY_BYTES - 3),
      put(VECTORS, u32(0xfffffff0, 0x20)),
      transfer('fd_read', STDIN, 1),
      vectors(6),
      transfer('fd_read', STDIN, 1),
      show(BUFFER, 6),
    ],
    gives: [E.fault, E.fault, E.fault, E.fault, E.fault, 0, input],
  },
  {
    call: 'fd_read',
    says: 'refuses more than 1024 vectors',
    steps: [transfer('fd_read', STDIN, 1025), transfer('fd_read', STDIN, 0xffffffff)],
    gives: [E.inval, E.inval],
  },
  {
    call: 'fd_read',
    says: 'is for input alone, while it is open',
    steps: [
      transfer('fd_read', STDOUT, 0),
      transfer('fd_read', NOT_OPEN, 0),
      transfer('fd_read', 0xffffffff, 0),
      call('fd_close', STDIN),
      transfer('fd_read', STDIN, 0),
    ],
    gives: [E.badf, E.badf, E.badf, 0, E.badf],
  },
];

const writing: Case[] = [
  {
    call: 'fd_write',
    says: 'appends the buffers in turn and tells their bytes',
    steps: [
      put(BUFFER, text('one two')),
      vectors(4, 0, 3),
      transfer('fd_write', STDOUT, 3),
      show(OUT, 4),
    ],
    // what it wrote stands before the results
    gives: [(first) => first === text('one ').readUInt32LE(), is(isTwoAndResults)],
  },
  {
    call: 'fd_write',
    says: 'sends standard error elsewhere than standard output',
    steps: [put(BUFFER, text('to the log')), vectors(10), transfer('fd_write', STDERR, 1)],
    gives: [0],
  },
  {
    call: 'fd_write',
    says: 'refuses what lies beyond memory and writes nothing then',
    steps: [
      put(VECTORS, u32(BUFFER, 2, MEMORY_BYTES - 1, 2)),
      transfer('fd_write', STDOUT, 2),
      call('fd_write', STDOUT, MEMORY_BYTES - 7, 1, OUT),
      vectors(2),
      call('fd_write', STDOUT, VECTORS, 1, MEMORY_BYTES - 3),
      transfer('fd_write', STDOUT, 1025),
    ],
    gives: [E.fault, E.fault, E.fault, E.inval],
  },
  {
    call: 'fd_write',
    says: 'is for output alone, while it is open',
    reportTo: STDERR,
    steps: [
      transfer('fd_write', STDIN, 0),
      transfer('fd_write', NOT_OPEN, 0),
      call('fd_close', STDOUT),
      transfer('fd_write', STDOUT, 0),
    ],
    gives: [E.badf, E.badf, 0, E.badf],
  },
];

function isTwoAndResults(bytes: Buffer): boolean {
  return bytes.toString('latin1').startsWith('two');
}

/** Type, flags and rights of a descriptor. */
const stat = (type: number, flags: number, rights: bigint): Buffer =>
  Buffer.concat([Buffer.from([type, 0, flags, 0, 0, 0, 0, 0]), u64(rights, 0)]);
const INPUT = R.read | R.setFlags | R.filestat | R.poll;
const OUTPUT = R.write | R.setFlags | R.filestat | R.poll;

const descriptors: Case[] = [
  {
    call: 'fd_close',
    says: 'closes once',
    steps: [0, 0, NOT_OPEN, 0xffffffff].map((fd) => call('fd_close', fd)),
    gives: [0, E.badf, E.badf, E.badf],
  },
  {
    call: 'fd_fdstat_get',
    says: 'tells ways and rights of the standard ones, which are no terminals',
    steps: [STDIN, STDOUT, NOT_OPEN].flatMap((fd) => [
      put(OUT, Buffer.alloc(24, 0xff)),
      call('fd_fdstat_get', fd, OUT),
      show(OUT, 24),
    ]),
    gives: [0, stat(0, 0, INPUT), 0, stat(0, 0, OUTPUT), E.badf, Buffer.alloc(24, 0xff)],
  },
  {
    call: 'fd_fdstat_get',
    says: 'refuses a place beyond memory',
    steps: [call('fd_fdstat_get', STDIN, MEMORY_BYTES - 23)],
    gives: [E.fault],
  },
  {
    call: 'fd_fdstat_set_flags',
    says: 'keeps append and nonblock, which hold anyway, and refuses to synchronise',
    steps: [
      call('fd_fdstat_set_flags', STDIN, 4),
      call('fd_fdstat_get', STDIN, OUT),
      show(OUT, 24),
      call('fd_fdstat_set_flags', STDOUT, 1),
      ...[2, 8, 16, 32].map((flags) => call('fd_fdstat_set_flags', STDIN, flags)),
      call('fd_fdstat_set_flags', NOT_OPEN, 0),
    ],
    gives: [0, 0, stat(0, 4, INPUT), 0, E.notsup, E.notsup, E.notsup, E.inval, E.badf],
  },
  {
    call: 'fd_fdstat_set_rights',
    says: 'gives rights up for good',
    input,
    steps: [
      call('fd_fdstat_set_rights', STDIN, INPUT & ~R.read, 0),
      call('fd_fdstat_get', STDIN, OUT),
      show(OUT, 24),
      transfer('fd_read', STDIN, 0),
      call('fd_fdstat_set_rights', STDIN, INPUT, 0),
      call('fd_fdstat_set_rights', STDIN, 0, R.read),
      call('fd_fdstat_set_rights', NOT_OPEN, 0, 0),
    ],
    gives: [
      ...[0, 0, stat(0, 0, INPUT & ~R.read), E.notcapable],
      ...[E.notcapable, E.notcapable, E.badf],
    ],
  },
  {
    call: 'fd_fdstat_set_rights',
    says: 'holds for asking and for setting flags',
    steps: [
      call('fd_fdstat_set_rights', STDIN, R.read, 0),
      call('fd_filestat_get', STDIN, OUT),
      call('fd_fdstat_set_flags', STDIN, 0),
    ],
    gives: [0, E.notcapable, E.notcapable],
  },
  {
    call: 'fd_filestat_get',
    says: 'knows nothing of a pipe but that it is there',
    steps: [
      put(OUT, Buffer.alloc(64, 0xff)),
      call('fd_filestat_get', STDIN, OUT),
      show(OUT, 64),
      call('fd_filestat_get', STDIN, MEMORY_BYTES - 63),
      call('fd_filestat_get', NOT_OPEN, OUT),
    ],
    gives: [0, Buffer.alloc(64), E.fault, E.badf],
  },
  {
    call: 'fd_renumber',
    says: 'moves an open one over another open one, which is closed',
    input,
    reportTo: STDOUT,
    steps: [
      call('fd_renumber', STDIN, STDERR),
      transfer('fd_read', STDIN, 0),
      vectors(3),
      transfer('fd_read', STDERR, 1),
      show(BUFFER, 3),
      call('fd_renumber', STDERR, STDERR),
      call('fd_renumber', STDIN, STDERR),
      call('fd_renumber', STDERR, STDIN),
      call('fd_renumber', STDERR, 0xffffffff),
      transfer('fd_read', STDERR, 1),
      show(BUFFER, 3),
    ],
    gives: [0, E.badf, 0, text('abc'), 0, E.badf, E.badf, E.badf, 0, text('def')],
  },
];

/** A call that only files or directories have, on a standard descriptor and on none. */
const refused = (name: string, errno: number, ...after: (number | bigint)[]): Case => ({
  call: name,
  says: 'is not for the standard descriptors, nor for what is not open',
  steps: [STDIN, STDOUT, NOT_OPEN].map((fd) => call(name, fd, ...after)),
  gives: [errno, errno, E.badf],
});

const standard: Case[] = [
  refused('fd_advise', E.spipe, 0, 0, 0),
  refused('fd_allocate', E.spipe, 0, 1),
  refused('fd_datasync', E.inval),
  refused('fd_sync', E.inval),
  refused('fd_filestat_set_size', E.inval, 0),
  refused('fd_filestat_set_times', E.notsup, 0, 0, 1),
  refused('fd_pread', E.spipe, VECTORS, 0, 0, OUT),
  refused('fd_pwrite', E.spipe, VECTORS, 0, 0, OUT),
  refused('fd_readdir', E.notdir, BUFFER, 64, 0, OUT),
  refused('fd_seek', E.spipe, 0, 0, OUT),
  refused('fd_tell', E.spipe, OUT),
  refused('fd_prestat_get', E.badf, OUT),
  refused('fd_prestat_dir_name', E.badf, BUFFER, 16),
  refused('path_create_directory', E.notdir, BUFFER, 1),
  refused('path_filestat_get', E.notdir, 0, BUFFER, 1, OUT),
  refused('path_filestat_set_times', E.notdir, 0, BUFFER, 1, 0, 0, 0),
  refused('path_link', E.notdir, 0, BUFFER, 1, STDIN, BUFFER, 1),
  refused('path_open', E.notdir, 0, BUFFER, 1, 0, 0, 0, 0, OUT),
  refused('path_readlink', E.notdir, BUFFER, 1, BUFFER, 1, OUT),
  refused('path_remove_directory', E.notdir, BUFFER, 1),
  refused('path_rename', E.notdir, BUFFER, 1, STDIN, BUFFER, 1),
  refused('path_unlink_file', E.notdir, BUFFER, 1),
  refused('sock_accept', E.notsock, 0, OUT),
  refused('sock_recv', E.notsock, VECTORS, 0, 0, OUT, OUT + 4),
  refused('sock_send', E.notsock, VECTORS, 0, 0, OUT),
  refused('sock_shutdown', E.notsock, 3),
  {
    call: 'path_symlink',
    says: 'is not for the standard descriptors, nor for what is not open',
    steps: [STDIN, NOT_OPEN].map((fd) => call('path_symlink', BUFFER, 1, fd, BUFFER, 1)),
    gives: [E.notdir, E.badf],
  },
];

export const stdioCases: readonly Case[] = [...reading, ...writing, ...descriptors, ...standard];
