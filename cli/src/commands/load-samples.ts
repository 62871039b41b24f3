import { closeSync, openSync, writeSync } from 'node:fs';
import type { LoadClass, LoadSample } from '@sledge/lab';

const COLUMNS =
  'rate,index,class,argument,at_us,sent_us,end_us,latency_us,outcome,status,bytes,service_us';
const FLUSH_CHARACTERS = 65_536;

/** Raw samples, a block at a time. */
export class SampleFile {
  private readonly file: number;
  private text = `${COLUMNS}\n`;

  constructor(
    path: string,
    private readonly classes: readonly LoadClass[],
  ) {
    this.file = openSync(path, 'w');
  }

  rowOf(rate: number): (sample: LoadSample) => void {
    return (sample) => {
      const { index, type, argument, atNs, sentNs, endNs, outcome, status, bodyBytes, serviceNs } =
        sample;
      const fromNs = rate > 0 ? atNs : sentNs;
      const latency = outcome === 'answered' ? us(endNs - fromNs) : '';
      const times = `${us(atNs)},${us(sentNs)},${us(endNs)},${latency}`;
      const name = JSON.stringify(this.classes[type]?.name ?? '').replace(/\\"/g, '""');
      const what = `${outcome},${status},${bodyBytes},${us(serviceNs)}`;
      this.text += `${rate},${index},${name},${argument},${times},${what}\n`;
      if (this.text.length > FLUSH_CHARACTERS) this.flush();
    };
  }

  close(): void {
    this.flush();
    closeSync(this.file);
  }

  private flush(): void {
    writeSync(this.file, this.text);
    this.text = '';
  }
}

const us = (ns: number): string => (ns / 1000).toFixed(3);
