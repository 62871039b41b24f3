import { readFileSync } from 'node:fs';
import {
  calibrateHash,
  confClasses,
  confSchedule,
  isRpc,
  poissonMix,
  readClientConf,
  requestOf,
  roundsFor,
} from '@sledge/lab';
import type {
  LoadClass,
  LoadRequest,
  MixPart,
  RpcLoadOptions,
  ScheduledRequest,
} from '@sledge/lab';
import { numberBetween } from '../number-options';
import { printNote } from '../output';
import { rpcOptionsOf, usage } from './load-rpc';
import type { RpcFlags } from './load-rpc';

interface ClassFlags extends RpcFlags {
  class?: string[];
  serviceUs?: string[];
  seed: number;
}

/** What is sent, and when. */
export interface Mix {
  readonly classes: LoadClass[];
  readonly rpc: RpcLoadOptions;
  /** Of eRPC. */
  readonly sessions: number;
  /** Undefined: the rate is part of the mix. */
  readonly durationS: number | undefined;
  schedule(ratePerS: number, durationS: number): Iterable<ScheduledRequest>;
}

const SESSIONS_DEFAULT = 8;

/** From --conf, or from classes and rates. */
export async function mixOf(flags: ClassFlags, target: URL): Promise<Mix> {
  if (flags.conf !== undefined) return confMix(flags, flags.conf);
  const { classes, parts } = await classesOf(flags, target);
  return {
    classes,
    rpc: rpcOptionsOf(flags),
    sessions: flags.sessions ?? SESSIONS_DEFAULT,
    durationS: undefined,
    schedule: (ratePerS, durationS) =>
      poissonMix(parts, { ratePerS, durationUs: durationS * 1e6, seed: flags.seed }),
  };
}

/** Each client thread has a session with each of the server's. */
function confMix(flags: ClassFlags, path: string): Mix {
  if (flags.class !== undefined || flags.serviceUs !== undefined) {
    throw usage('--conf has its classes itself: leave --class and --service-us away');
  }
  const conf = readClientConf(path);
  const { serverThreads, threads, responseBytes } = conf;
  const own = rpcOptionsOf(flags);
  const durationS = conf.testMs / 1000;
  return {
    classes: confClasses(conf),
    rpc: {
      ...own,
      format: own.format ?? 'sledgescale',
      remoteRpcs: own.remoteRpcs ?? serverThreads,
      responseBytesMax: responseBytes,
    },
    sessions: flags.sessions ?? serverThreads * threads.length,
    durationS,
    schedule: (_ratePerS, wantedS) => confSchedule(conf, flags.seed, wantedS / durationS),
  };
}

interface Classes {
  classes: LoadClass[];
  parts: MixPart[];
}

async function classesOf(flags: ClassFlags, target: URL): Promise<Classes> {
  const named = (flags.class ?? []).map((text) => classOf(text, '--class'));
  const timed = (flags.serviceUs ?? []).map((text) => classOf(text, '--service-us'));
  const request = requestsOf(flags, target);
  const own = target.pathname + target.search;
  if (named.length + timed.length === 0) {
    return { classes: [{ name: own, request: request(own) }], parts: [{ share: 1 }] };
  }
  const result: Classes = { classes: [], parts: [] };
  for (const { name, share, what, deadlineUs } of named) {
    result.classes.push({ name, request: request(what), deadlineUs });
    result.parts.push({ share });
  }
  if (timed.length > 0) {
    const path = `${target.pathname.length <= 1 ? '/hash' : target.pathname}?{n}`;
    const calibration = await calibrateHash({ target, rpc: rpcOptionsOf(flags) }, path);
    const { nsPerRound, emptyUs } = calibration;
    printNote(`${path}: ${nsPerRound.toFixed(2)} ns per round, ${emptyUs.toFixed(0)} us without`);
    for (const { name, share, what, deadlineUs } of timed) {
      const us = numberBetween(0.001, 1e8, '--service-us')(what);
      result.classes.push({ name, request: request(path), serviceUs: () => us, deadlineUs });
      result.parts.push({ share, argument: () => roundsFor(calibration, us) });
    }
  }
  return result;
}

function requestsOf(flags: ClassFlags, target: URL): (text: string) => LoadRequest {
  if (!isRpc(target)) return (text) => requestOf(target, text);
  const input = flags.input === undefined ? undefined : readInput(flags.input);
  return (text) => ({ ...requestOf(target, text), input, paddedBytes: flags.requestBytes });
}

function readInput(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw usage(`--input: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function classOf(text: string, option: string) {
  const [name = '', share = '', what = '', deadline] = text.split(',');
  if (name === '' || what === '') {
    throw usage(`${option} is name,share,... with commas between; this is ${text}`);
  }
  const us = deadline === undefined ? undefined : numberBetween(1, 1e12, option)(deadline);
  const deadlineUs = us === undefined ? undefined : () => us;
  return { name, share: numberBetween(0, 1e9, option)(share), what, deadlineUs };
}
