// Writes copies of a module with the built compiler, whose cache the servers of these tests use.
const { readFileSync } = require('node:fs');
const { writeModuleCopies } = require('../../plugins/sandbox-awsm');

const { template, ...of } = JSON.parse(process.argv[2]);
writeModuleCopies({ ...of, wasm: readFileSync(template) }).then((copies) =>
  process.stdout.write(JSON.stringify(copies)),
);
