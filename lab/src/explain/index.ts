import { readStory } from './story';
import { sentencesOf } from './words';

/** Why one request of a trace was placed, preempted, late. */
export interface Explanation {
  readonly request: number;
  readonly type: string | undefined;
  readonly arrivedUs: number;
  /** From arrival; undefined: none. */
  readonly deadlineUs: number | undefined;
  readonly isLate: boolean;
  /** Times it left a worker for another request. */
  readonly preemptions: number;
  readonly waits: readonly {
    readonly fromUs: number;
    readonly toUs: number;
    readonly worker: number | undefined;
    readonly ran: readonly {
      readonly request: number;
      readonly type: string;
      readonly us: number;
    }[];
  }[];
  /** In words, in the order of what happened. */
  readonly sentences: readonly string[];
}

/**
 * Explains a request of a trace of `sledge simulate` or `sledge start`.
 * @throws SledgeError SLEDGE_ERR_TRACE_READ, SLEDGE_ERR_TRACE_REQUEST
 */
export async function explainRequest(path: string, request: number): Promise<Explanation> {
  const story = await readStory(path, request);
  const { arrival, slices, ended, arrivedUs, waits } = story;
  const end = ended?.args ?? slices.at(-1)?.how;
  return {
    request,
    type: arrival?.args.type ?? slices[0]?.type,
    arrivedUs,
    deadlineUs: arrival?.args.deadlineUs,
    isLate: end?.lateUs !== undefined,
    preemptions: slices.filter(({ how }) => how.end === 'preempted').length,
    waits: waits.map(({ fromUs, toUs, worker, ran }) => ({ fromUs, toUs, worker, ran })),
    sentences: sentencesOf(story),
  };
}
