import { Errno } from './errno';

export const WASI_MODULE = 'wasi_snapshot_preview1';

/**
 * Every function of WASI preview 1: parameters and result, i for i32 and I for i64; and for what
 * functions do not have, the errno of an open descriptor (others get EBADF).
 */
export const WASI_FUNCTIONS: Readonly<Record<string, readonly [string, number?]>> = {
  args_get: ['ii:i'],
  args_sizes_get: ['ii:i'],
  clock_res_get: ['ii:i'],
  clock_time_get: ['iIi:i'],
  environ_get: ['ii:i'],
  environ_sizes_get: ['ii:i'],
  fd_advise: ['iIIi:i', Errno.spipe],
  fd_allocate: ['iII:i', Errno.spipe],
  fd_close: ['i:i'],
  fd_datasync: ['i:i', Errno.inval],
  fd_fdstat_get: ['ii:i'],
  fd_fdstat_set_flags: ['ii:i'],
  fd_fdstat_set_rights: ['iII:i'],
  fd_filestat_get: ['ii:i'],
  fd_filestat_set_size: ['iI:i', Errno.inval],
  fd_filestat_set_times: ['iIIi:i', Errno.notsup],
  fd_pread: ['iiiIi:i', Errno.spipe],
  // libc walks the preopened directories until it meets EBADF: there are none.
  fd_prestat_dir_name: ['iii:i', Errno.badf],
  fd_prestat_get: ['ii:i', Errno.badf],
  fd_pwrite: ['iiiIi:i', Errno.spipe],
  fd_read: ['iiii:i'],
  fd_readdir: ['iiiIi:i', Errno.notdir],
  fd_renumber: ['ii:i'],
  fd_seek: ['iIii:i', Errno.spipe],
  fd_sync: ['i:i', Errno.inval],
  fd_tell: ['ii:i', Errno.spipe],
  fd_write: ['iiii:i'],
  path_create_directory: ['iii:i', Errno.notdir],
  path_filestat_get: ['iiiii:i', Errno.notdir],
  path_filestat_set_times: ['iiiiIIi:i', Errno.notdir],
  path_link: ['iiiiiii:i'],
  path_open: ['iiiiiIIii:i', Errno.notdir],
  path_readlink: ['iiiiii:i', Errno.notdir],
  path_remove_directory: ['iii:i', Errno.notdir],
  path_rename: ['iiiiii:i'],
  path_symlink: ['iiiii:i'],
  path_unlink_file: ['iii:i', Errno.notdir],
  poll_oneoff: ['iiii:i'],
  proc_exit: ['i:'],
  proc_raise: ['i:i'],
  random_get: ['ii:i'],
  sched_yield: [':i'],
  sock_accept: ['iii:i', Errno.notsock],
  sock_recv: ['iiiiii:i', Errno.notsock],
  sock_send: ['iiiii:i', Errno.notsock],
  sock_shutdown: ['ii:i', Errno.notsock],
};
