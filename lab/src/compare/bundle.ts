import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { csvOf } from './csv';
import { compareJsonSchema } from './document';
import type { CompareDocument } from './document';

/**
 * Everything that another needs to check or repeat an experiment, in a folder: the document, its
 * schema, the configuration, raw samples, the machine with its versions, the command, the report.
 */
export function writeBundle(folder: string, document: CompareDocument, html: string): string[] {
  const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
  const files: Record<string, string> = {
    'result.json': json(document),
    'result.schema.json': json(compareJsonSchema()),
    'config.json': json(document.config),
    'samples.csv': csvOf(document),
    'machine.json': json(document.machine),
    'command.txt': `${document.command}\n`,
    'report.html': html,
  };
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return Object.keys(files);
}
