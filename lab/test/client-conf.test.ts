import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ClientLog, confClasses, confSchedule, readClientConf } from '../src';
import type { LoadSample } from '../src';

let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'sledge-conf-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(lines: string[]): string {
  const file = path.join(folder, 'client.conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

const GOOD = ['--test_ms 2000', '--rps 100,50.5', '--req_type 1,2', '--req_parameter 1,1100'];

test('a conf is read in each way that flags are written', () => {
  const conf = readClientConf(
    fileOf([
      ...['# a test', '', '--test_ms=2000', '-num_server_threads 3', 'rps = 100,50.5'],
      ...['--req_type "1,2"', '--req_parameter 1,1100 # by type', '--req_size 5'],
      ...['--resp_size 1000', '--sm_verbose 0', '--window_size 10', '--warmup_rps 200,200'],
      ...['--warmup_count 0', '--num_processes 2', '--process_id 1', '--numa_node 0'],
      ...['--numa_0_ports 0', '--numa_1_ports'],
    ]),
  );
  expect(conf).toEqual({
    testMs: 2000,
    serverThreads: 3,
    requestBytes: 5,
    responseBytes: 1000,
    threads: [
      { requestType: 1, ratePerS: 100, parameter: 1 },
      { requestType: 2, ratePerS: 50.5, parameter: 1100 },
    ],
  });
  expect(confClasses(conf)[1]).toEqual({
    name: 'thread 1, type 2',
    request: { requestType: 2, text: '1100', paddedBytes: 5 },
  });
});

test.each([
  [['--tset_ms 5'], 1, 'there is no key tset_ms'],
  [[...GOOD, '', '--test_ms 5'], 6, 'test_ms is there a second time'],
  [[...GOOD, '?'], 5, '"?" is not --key value'],
  [['--test_ms soon'], 1, 'test_ms is a whole number from 1 to 86400000; this is "soon"'],
  [['--test_ms'], 1, 'this is ""'],
  [['', '--rps 100,,3'], 2, 'rps is a number from 0.001'],
  [['--resp_size 1025'], 1, 'resp_size is a whole number from 1 to 1024'],
  [['--req_type 255'], 1, 'req_type is a whole number from 0 to 254'],
  [GOOD.slice(0, 3), 3, 'req_parameter is needed'],
  [[...GOOD.slice(0, 2), '--req_type 1', '--req_parameter 1'], 3, '1 types for 2 rates'],
  [[...GOOD.slice(0, 3), '--req_parameter 1'], 4, 'there is no parameter number 2'],
  [[...GOOD, '--req_size 3'], 5, '1100 does not fit into 3 bytes'],
])('the conf %j is refused by its line', (lines, line, reason) => {
  const file = fileOf(lines);
  const read = (): unknown => readClientConf(file);
  expect(read).toThrow(
    expect.objectContaining({
      code: 'SLEDGE_ERR_LOAD_CONF',
      message: expect.stringContaining(`${file}, line ${line}: `),
    }),
  );
  expect(read).toThrow(reason);
});

test('each client thread sends its own number of requests, merged in order of time', () => {
  const conf = readClientConf(fileOf(GOOD));
  const schedule = [...confSchedule(conf, 1)];
  expect(schedule.filter(({ type }) => type === 0)).toHaveLength(200);
  expect(schedule.filter(({ type }) => type === 1)).toHaveLength(101);
  const times = schedule.map(({ atNs }) => atNs);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(schedule.find(({ type }) => type === 1)?.argument).toBe(1100);
  expect([...confSchedule(conf, 1)]).toEqual(schedule);
  expect([...confSchedule(conf, 2)]).not.toEqual(schedule);
});

test('a log has a row for each request, zero for what was not answered well, and totals', () => {
  const file = path.join(folder, 'client.log');
  const log = new ClientLog(file, [3, 1], true);
  const sample = (more: Partial<LoadSample>): LoadSample => ({
    ...{ index: 0, atNs: 1000, type: 0, argument: 0, sentNs: 2000, endNs: 13_345 },
    ...{ serviceNs: 5000, status: 0, bodyBytes: 0, outcome: 'answered' },
    ...more,
  });
  log.add(sample({}));
  log.add(sample({ type: 1, outcome: 'timedOut' }));
  log.add(sample({ type: 1, outcome: 'dropped' }));
  log.add(sample({ type: 1, status: 312 }));
  log.close(2);
  expect(readFileSync(file, 'utf8').split('\n')).toEqual([
    'thread id, type id, latency, cpu time',
    '0 3 12.345 5.0',
    '1 1 0.0 0.0',
    '1 1 0.0 0.0',
    '1 1 0.0 0.0',
    'total sending rate 1.500 service rate 0.500 dropped 1',
    'type 1 sending rate 1.000 service rate 0.000 dropped 1',
    'type 3 sending rate 0.500 service rate 0.500 dropped 0',
    '',
  ]);
});
