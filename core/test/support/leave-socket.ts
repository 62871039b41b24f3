import { renameSync } from 'node:fs';
import { createServer } from 'node:net';

/** Makes a socket that nobody listens on, as a killed server leaves it. @returns its path */
export async function leaveSocket(file: string): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${file}.open`, resolve));
  renameSync(`${file}.open`, file);
  await new Promise((resolve) => server.close(resolve));
  return file;
}
