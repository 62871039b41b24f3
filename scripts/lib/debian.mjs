// Debian packages: which are missing, and how to get them.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { step, StepFailure } from './step.mjs';

const CLANG_LIB = '/usr/lib/llvm-14/lib/clang/14.0.6/lib';
const ARCHITECTURE = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

/** Package to a file that only it brings: quicker than asking dpkg, and true elsewhere too. */
const TO_RUN = {
  'g++': '/usr/bin/g++',
  cmake: '/usr/bin/cmake',
  'ninja-build': '/usr/bin/ninja',
  'clang-14': '/usr/bin/clang-14',
  'lld-14': '/usr/lib/llvm-14/bin/wasm-ld',
  'wasi-libc': '/usr/lib/wasm32-wasi/libc.a',
  'libclang-rt-14-dev-wasm32': `${CLANG_LIB}/wasi/libclang_rt.builtins-wasm32.a`,
  'libhttp-parser-dev': '/usr/include/http_parser.h',
};
const TO_TEST = {
  'libgtest-dev': '/usr/include/gtest/gtest.h',
  wabt: '/usr/bin/wast2json',
  'clang-format-14': '/usr/bin/clang-format-14',
  'libclang-rt-14-dev': `${CLANG_LIB}/linux/libclang_rt.fuzzer-${ARCHITECTURE}.a`,
  'clang-tidy-14': '/usr/bin/clang-tidy-14',
  curl: '/usr/bin/curl',
  httpie: '/usr/bin/http',
  wrk: '/usr/bin/wrk',
  chromium: '/usr/bin/chromium',
  iproute2: '/usr/sbin/ip',
  'nats-server': '/usr/sbin/nats-server',
  'pkg-config': '/usr/bin/pkg-config',
  'libdpdk-dev': '/usr/include/dpdk/rte_ethdev.h',
  'libstb-dev': '/usr/include/stb/stb_image.h',
  'libc++-14-dev-wasm32': '/usr/lib/wasm32-wasi/libc++.a',
  'libc++abi-14-dev-wasm32': '/usr/lib/wasm32-wasi/libc++abi.a',
};
/** 110 MB to download. */
const TO_TEST_LONG = {
  rustc: '/usr/bin/rustc',
  'libstd-rust-dev-wasm32': '/usr/lib/rustlib/wasm32-wasi',
};

export function missingPackages(forTests, forLongTests = false) {
  const tests = forLongTests ? { ...TO_TEST, ...TO_TEST_LONG } : TO_TEST;
  const wanted = forTests ? { ...TO_RUN, ...tests } : TO_RUN;
  const system = process.env.SLEDGE_SYSTEM_ROOT ?? '/';
  return Object.keys(wanted).filter((name) => !existsSync(join(system, wanted[name])));
}

function succeeds(command, args) {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The prefix that makes apt-get work without a question, or null. */
function privilege() {
  if (!succeeds('apt-get', ['--version'])) return null;
  if (execFileSync('id', ['-u'], { encoding: 'utf8' }).trim() === '0') return [];
  return succeeds('sudo', ['-n', 'true']) ? ['sudo', '-n'] : null;
}

/** @returns what installs these packages; when that takes a password it explains and fails. */
export function packageInstallation(names) {
  const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...names];
  const prefix = privilege();
  if (prefix === null) {
    throw new StepFailure(
      `These Debian packages are missing. Run this line, then start again:\n\n` +
        `  sudo apt-get update && sudo ${install.join(' ')}\n`,
    );
  }
  const environment = ['env', 'DEBIAN_FRONTEND=noninteractive'];
  const [update, ...updateArgs] = [...prefix, ...environment, 'apt-get', 'update'];
  const [command, ...args] = [...prefix, ...environment, ...install];
  const commands = [
    [update, updateArgs],
    [command, args],
  ];
  return () => step(`Debian packages: ${names.join(' ')}`, 'apt', commands);
}
