#!/usr/bin/env node
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const main = join(__dirname, '..', 'dist', 'main.js');
if (existsSync(main)) {
  void require(main).main(process.argv.slice(2));
} else {
  process.stderr.write('sledge is not built yet. Run npm run setup.\n');
  process.exitCode = 1;
}
