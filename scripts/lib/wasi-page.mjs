// docs/reference/wasi.md: what each call of preview 1 does, from what its tests have seen.
import { readFileSync } from 'node:fs';

const SANDBOXES = ['awsm', 'v8'];

/** What a sandbox does of a call: all of its cases, or what is missing. */
function verdict(cases, sandbox) {
  const results = Object.values(cases).map((of) => of[sandbox]);
  const other = results.filter((result) => result !== 'yes');
  return other.length > 0 ? other.join('; ') : 'yes';
}

export function wasiPage(root) {
  const results = JSON.parse(readFileSync(`${root}test/wasi/results.json`, 'utf8'));
  const names = Object.keys(results).sort();
  const count = names.reduce((sum, name) => sum + Object.keys(results[name]).length, 0);
  const rows = names.map((name) => {
    const said = SANDBOXES.map((sandbox) => verdict(results[name], sandbox)).join(' | ');
    return `| \`${name}\` | ${said} | ${Object.keys(results[name]).join('; ')} |`;
  });
  return `# WASI preview 1

What a function can do beside computing. The table is generated from what \`test/wasi\` saw:
${count} cases of the ${names.length} calls, in both sandboxes; the test fails when one ends
otherwise than it says here. A call that answers success without its effect counts as failed.

| call | sandbox-awsm | sandbox-v8 | shown by a case |
| --- | --- | --- | --- |
${rows.join('\n')}

## Standard descriptors

0, 1 and 2 are pipes: they cannot be sought, have no size, and are no terminals, so libc buffers
fully. Standard input is there as a whole from the beginning; \`poll_oneoff\` says how much of it
is left, and that nobody writes to it any more. Standard output is the response, standard error
the log, both up to their [limits](limits.md). They can be closed and renumbered.

## Directories

\`preopens\` of a function names directories that it may read, by the names that it knows:

\`\`\`ts
functions: [{ name: 'site', path: './site.wasm', preopens: { '/data': './public' } }],
\`\`\`

They are descriptors from 3 on, in their order; libc finds them by their names. Nothing below them
can be written: what would do so answers EROFS, on a file that is open already EBADF. Paths are
resolved by the kernel (\`openat2\`, \`RESOLVE_BENEATH\`), so that neither "..", nor a link, nor a
rename at the wrong moment leads out: that is ENOTCAPABLE. Only regular files and directories are
opened; devices, sockets and named pipes answer ENOTSUP. A file is read by the worker itself: one
that is not in the page cache makes it wait for the disk, so give functions local files.

An invocation has at most 32 descriptors (EMFILE), all together hold at most half of the process's
(ENFILE), and what is open is closed with the invocation. Changed files are seen at once, a
directory that is replaced by another one after the server is started anew. With \`sandbox-v8\` too
the native core makes these calls, by the same code, on the memory of V8's instance.

## Rights

A descriptor has the rights that its kind can use; \`path_open\` gives those that are asked for
and possible, as Rust's std expects, and \`fd_fdstat_set_rights\` gives them up. A call without
its right answers ENOTCAPABLE. Directories name \`fd_write\` among what they pass on, though no
file ever gets it: libc asks for it only then, and who opens a file to write it hears EROFS at
once, not at the first write.

## Time and waiting

\`poll_oneoff\` on clocks leaves the worker to others ([\`blocked\`](../architecture.md));
\`sched_yield\` does so when others of the same rank, or more urgent ones, wait, and with
\`preemption.mechanism: none\` never. The two CPU clocks count the time that the invocation has
had on workers, and nobody else's.

## Signals and exit

\`proc_raise\` does what the signal does to a process that has set nothing: 128 and its number
become the exit code, as a shell shows it; what is ignored by default is ignored; stopping is
ENOTSUP. A code other than 0 is the error \`SLEDGE_ERR_INVOKE_EXITED\`.
`;
}
