/** Numbers per completion, as Completion::fields in native/src/dataplane/recorder.hpp. */
export const COMPLETION_FIELDS = 15;

/** One invocation that has ended, read from its numbers; valid until the next one is read. */
export class Completion {
  request = 0;
  /** -1: it has never started. */
  worker = -1;
  function = 0;
  status = 0;
  detail = 0;
  /** Of its worker when it ended. */
  queueLength = 0;
  preemptions = 0;
  arrivalNs = 0;
  /** Its first instruction; -1: none. */
  startNs = -1;
  endNs = 0;
  runNs = 0;
  /** -1: none. */
  deadlineNs = -1;
  estimateNs = 0;
  initNs = 0;
  cleanupNs = 0;

  /** The completion at this place. */
  read(completions: Float64Array, index: number): this {
    const at = index * COMPLETION_FIELDS;
    const field = (offset: number): number => completions[at + offset] as number;
    this.request = field(0);
    this.worker = field(1);
    this.function = field(2);
    this.status = field(3);
    this.detail = field(4);
    this.queueLength = field(5);
    this.preemptions = field(6);
    this.arrivalNs = field(7);
    this.startNs = field(8);
    this.endNs = field(9);
    this.runNs = field(10);
    this.deadlineNs = field(11);
    this.estimateNs = field(12);
    this.initNs = field(13);
    this.cleanupNs = field(14);
    return this;
  }
}
