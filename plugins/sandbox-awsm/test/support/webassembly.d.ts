/** What the tests use of V8's WebAssembly beside what sandbox-v8 declares. */
declare namespace WebAssembly {
  function validate(bytes: Uint8Array): boolean;
}
