/** What is used of V8's WebAssembly: neither Node's types nor the project's libraries have it. */
declare namespace WebAssembly {
  type Imports = Record<string, Record<string, (...args: never[]) => number>>;
  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): { module: string; name: string; kind: string }[];
  }
  class Instance {
    constructor(module: Module, imports: Imports);
    readonly exports: Record<string, unknown>;
  }
  class Memory {
    readonly buffer: ArrayBuffer;
  }
  class Table {
    readonly length: number;
    get(index: number): unknown;
  }
  class Global {
    readonly value: unknown;
  }
}
