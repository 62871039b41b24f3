import path from 'node:path';
import type { SledgeConfig } from '../config/schema';
import { loadBinding } from '../data-plane/binding';
import type { DataPlane } from '../contracts/data-plane';
import type { FunctionRegistry } from '../functions/function-registry';
import type { PerfFunction } from '../recording/columns';
import type { Recording } from '../recording/recording';
import type { RecordingSettings, RecordingStart } from '../recording/recording-job';

const NS_PER_MS = 1e6;

/** What a configuration wants to have recorded; paths become absolute. */
export function recordingSettings(
  { trace, perfLog }: Pick<SledgeConfig, 'trace' | 'perfLog'>,
  folder: string,
): RecordingSettings {
  const absolute = <Of extends { path?: string | undefined }>(of: Of) =>
    of.path === undefined ? undefined : { ...of, path: path.resolve(folder, of.path) };
  return { trace: absolute(trace), perfLog: absolute(perfLog) };
}

/** What its texts need of a data plane that has its functions. */
function recordingStart(registry: FunctionRegistry, plane: DataPlane): RecordingStart {
  const functions: PerfFunction[] = [];
  registry.eachLoaded((id, fn) => (functions[id] = fn));
  const { dispatcher, scheduler } = plane.policyStatus?.() ?? {};
  return {
    workers: plane.stats()['workers'] ?? 0,
    functions,
    startedMs: Date.now() - loadBinding().binding.nowNs() / NS_PER_MS,
    about: { dispatcher: dispatcher?.name ?? '', scheduler: scheduler?.name ?? '' },
  };
}

/** What is deployed later gets its name too. */
export function beginRecording(
  recording: Recording | undefined,
  registry: FunctionRegistry,
  plane: DataPlane,
): void {
  if (recording === undefined) return;
  recording.begin(plane, recordingStart(registry, plane));
  registry.eachLoaded(recording.name);
}
