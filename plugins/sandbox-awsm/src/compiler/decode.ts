import { sectionReaders } from './decode-sections';
import { MODULE_LIMITS } from './limits';
import { emptyModule, type WasmModule } from './model';
import { malformed, overLimit, unsupported } from './problem';
import { Reader } from './reader';

const MAGIC = 0x6d736100;
const DATA_COUNT = 12;
/** Order in the file: the data count stands between elements and code. */
const SECTION_ORDER = [1, 2, 3, 4, 5, 6, 7, 8, 9, DATA_COUNT, 10, 11];

/**
 * Decodes all sections but the instructions of bodies, which `decodeBody` reads one by one.
 * Throws a WasmProblem with the byte offset for what is malformed, unsupported or over a limit.
 */
export function decodeModule(bytes: Uint8Array): WasmModule {
  if (bytes.length > MODULE_LIMITS.moduleBytes) throw overLimit('module bytes', 0);
  const reader = new Reader(bytes, 0, bytes.length);
  readHeader(reader);
  const module = emptyModule(bytes);
  let place = 0;
  while (!reader.done) {
    const at = reader.at;
    const id = reader.u8();
    const size = reader.u32();
    if (size > reader.end - reader.at) throw malformed('length out of bounds', at);
    const section = new Reader(bytes, reader.at, reader.at + size);
    reader.at += size;
    if (id === 0) {
      section.name(MODULE_LIMITS.nameBytes);
      continue;
    }
    if (id === 13 && size > 0) throw unsupported('exception handling', at);
    const read = sectionReaders.get(id);
    if (read === undefined) throw malformed('malformed section id', at);
    const next = SECTION_ORDER.indexOf(id) + 1;
    if (next <= place) throw malformed('unexpected content after last section', at);
    place = next;
    read(section, module);
    if (!section.done) throw malformed('section size mismatch', section.at);
  }
  checkCounts(module);
  return module;
}

function readHeader(reader: Reader): void {
  const head = reader.bits32();
  if (head !== MAGIC) throw malformed('magic header not detected', 0);
  const version = reader.bits32();
  if (version === 0x0001000d) throw malformed('a component, not a module', 4);
  if (version !== 1) throw malformed('unknown binary version', 4);
}

function checkCounts(module: WasmModule): void {
  const end = module.bytes.length;
  const own = module.functions.length - module.importedFunctions;
  if (own !== module.bodies.length) {
    throw malformed('function and code section have inconsistent lengths', end);
  }
  if (module.dataCount !== undefined && module.dataCount !== module.data.length) {
    throw malformed('data count and data section have inconsistent lengths', end);
  }
}
