import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const TYPE_MASK = 0o170000;
const REGULAR = 0o100000;
/** Written by others than the owner, or readable by everybody. */
const SECRET_REFUSED = 0o027;
/** Written by others than the owner. */
const PUBLIC_REFUSED = 0o022;

export interface CheckedFileOptions {
  /** 'secret': others may not read it (0600, or 0640). 'public': they may (0644). */
  kind: 'secret' | 'public';
  bytesMax: number;
}

/**
 * The content of a file that belongs to this user or root, with a mode that fits its kind. What is
 * looked at is what is read: the file of one descriptor, and no named pipe is waited for.
 * @throws Error with the reason, which never holds any of the content.
 */
export function readCheckedFile(file: string, { kind, bytesMax }: CheckedFileOptions): Buffer {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { mode, uid, size } = fstatSync(descriptor);
    if ((mode & TYPE_MASK) !== REGULAR) throw new Error('it is no regular file');
    if ((mode & (kind === 'secret' ? SECRET_REFUSED : PUBLIC_REFUSED)) !== 0) {
      throw new Error(`its mode is ${(mode & 0o777).toString(8).padStart(4, '0')}`);
    }
    if (uid !== 0 && uid !== process.getuid?.()) throw new Error(`it belongs to user ${uid}`);
    if (size > bytesMax) throw new Error(`it is longer than ${bytesMax} bytes`);
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, size, 0));
  } finally {
    closeSync(descriptor);
  }
}
