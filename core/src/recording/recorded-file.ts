import { closeSync, openSync, statSync, writeFileSync } from 'node:fs';
import { reasonOf } from '../errors/reason';

/** A file that is written until that fails once; from then on it is given up. */
export class RecordedFile {
  private isOpen = true;
  private readonly file: number;

  /** Empties the file. @throws Error of the system */
  constructor(
    path: string,
    private readonly onFailure: (reason: string) => void,
  ) {
    if (statSync(path, { throwIfNoEntry: false })?.isFIFO() === true) {
      throw new Error('it is a pipe, which may have no reader');
    }
    this.file = openSync(path, 'w');
  }

  /** @returns false when it was not written. */
  write(text: string): boolean {
    if (!this.isOpen) return false;
    if (text === '') return true;
    try {
      writeFileSync(this.file, text);
      return true;
    } catch (error) {
      this.close();
      this.onFailure(reasonOf(error));
      return false;
    }
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    try {
      closeSync(this.file);
    } catch {
      // what could be written has been
    }
  }
}
