import { MEMORY_BYTES } from './probe';
import {
  BUFFER,
  call,
  DIRECTORY,
  E,
  onPath,
  OPENED,
  OUT,
  put,
  show,
  text,
  type Case,
} from './cases';
import { HELLO, REGULAR, files, stat, hello } from './files';

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

export const writeCases: readonly Case[] = writing;
