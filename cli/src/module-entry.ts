import { readFileSync } from 'node:fs';
import { SledgeError } from '@sledge/core';
import type { BuildJob, BuildReport } from '@sledge/core/host';
import type { Reader } from './snapshot/binary';
import { readModule, SECTION, sectionOf } from './snapshot/binary';
import { EXTERNAL, readShape } from './snapshot/module-shape';

const ENTRIES = ['sledge_handle', '_start'];
const FUNCTION_TYPE = 0x60;

/** A module to build; `place` is where it will stand, for messages, when that is elsewhere. */
export interface ModuleJob extends BuildJob {
  readonly place?: string;
}

/** A module that no server would take is a failed build; as a server says it, with its file. */
export function withEntry(report: BuildReport & ModuleJob): BuildReport {
  if (report.error !== undefined || hasEntry(readFileSync(report.file))) return report;
  const { name, file, place: path = file } = report;
  return { name, file, error: new SledgeError('SLEDGE_ERR_MODULE_ENTRY', { path }) };
}

/** What cannot be read here is the sandbox's matter, which has taken it. */
function hasEntry(wasm: Uint8Array): boolean {
  try {
    return exportsEntry(wasm);
  } catch (error) {
    if (error instanceof RangeError) return true;
    throw error;
  }
}

function exportsEntry(wasm: Uint8Array): boolean {
  const sections = readModule(wasm);
  const { imports, exports } = readShape(sections);
  const isPlain = readTypes(sectionOf(sections, SECTION.type));
  const own = sectionOf(sections, SECTION.function);
  const types = [
    ...imports.flatMap(({ type }) => type ?? []),
    ...Array.from({ length: own.u32() }, () => own.u32()),
  ];
  return exports.some(
    ({ name, kind, index }) =>
      kind === EXTERNAL.function && ENTRIES.includes(name) && isPlain[types[index] ?? -1] === true,
  );
}

/** For each type whether it has neither parameters nor results. */
function readTypes(reader: Reader): boolean[] {
  return Array.from({ length: reader.u32() }, () => {
    if (reader.byte() !== FUNCTION_TYPE) throw new RangeError('a type that is no function');
    const parameters = reader.slice(reader.u32());
    const results = reader.slice(reader.u32());
    return parameters.length === 0 && results.length === 0;
  });
}
