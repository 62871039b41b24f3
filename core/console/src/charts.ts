import uPlot from './uplot.js';
import { colourAt, colourOf, COLOURS_MAX } from './colours.js';
import { byId, make } from './dom.js';
import { shortNumber } from './format.js';
import { nameOf } from './tables.js';
import type { LiveSample } from './report.js';

const KEPT = 120;
const QUANTILES = ['p50', 'p99', 'p999'] as const;
export const ALL = 'all functions';

/** A moment at which something was changed, shown as an upright line. */
interface Mark {
  atS: number;
  text: string;
}

interface Line {
  name: string;
  colour: string;
  read: (sample: LiveSample) => number | null;
}

/** Curves of the last two minutes. */
export class Charts {
  private readonly samples: LiveSample[] = [];
  private readonly marks: Mark[] = [];
  private readonly plots = new Map<string, { plot: uPlot; lines: string; box: HTMLElement }>();

  /** Whose percentiles are drawn: ALL, or `tenant/function`. */
  chosen = ALL;

  constructor() {
    const isDark = matchMedia('(prefers-color-scheme: dark)');
    isDark.addEventListener('change', () => {
      for (const drawn of this.plots.values()) drawn.lines = 'of another colour';
      this.draw();
    });
  }

  add(samples: readonly LiveSample[]): void {
    for (const sample of samples) {
      // a server that was started anew counts from the beginning
      if (sample.sequence <= (this.samples.at(-1)?.sequence ?? 0)) this.samples.length = 0;
      this.samples.push(sample);
    }
    this.samples.splice(0, this.samples.length - KEPT);
    this.draw();
  }

  mark(text: string): void {
    this.marks.push({ atS: Date.now() / 1000, text });
    this.marks.splice(0, this.marks.length - 16);
    this.draw();
  }

  /** The busiest functions of what is shown, by name. */
  names(): string[] {
    const counts = new Map<string, number>();
    for (const row of this.samples.flatMap(({ functions }) => functions)) {
      const name = nameOf(row);
      counts.set(name, (counts.get(name) ?? 0) + row.ratePerS);
    }
    return [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  }

  draw(): void {
    const busiest = this.names().slice(0, COLOURS_MAX).sort();
    const each = (read: (row: LiveSample['functions'][number]) => number): Line[] =>
      busiest.map((name) => ({
        name,
        colour: colourOf(name),
        read: (sample) => {
          const row = sample.functions.find((one) => nameOf(one) === name);
          return row === undefined ? 0 : read(row);
        },
      }));
    const quantiles = (of: 'sojournUs' | 'slowdown'): Line[] =>
      QUANTILES.map((quantile, at) => ({
        colour: colourAt(at),
        name: quantile === 'p999' ? 'p99.9' : quantile,
        read: (sample) => this.of(sample)?.[of][quantile] ?? null,
      }));
    this.chart(
      'Throughput, requests per s',
      each(({ ratePerS }) => ratePerS),
      false,
    );
    this.chart('Sojourn time, us', quantiles('sojournUs'), true);
    this.chart('Slowdown', quantiles('slowdown'), true);
    this.chart(
      'Deadline misses per s',
      each(({ missedPerS }) => missedPerS),
      false,
    );
  }

  private of(sample: LiveSample): LiveSample['total'] | undefined {
    if (this.chosen === ALL) return sample.total;
    return sample.functions.find((row) => nameOf(row) === this.chosen);
  }

  private chart(title: string, lines: readonly Line[], isLog: boolean): void {
    const shown = this.samples.filter(({ seconds }) => seconds > 0);
    const data: uPlot.AlignedData = [
      shown.map(({ at }) => at / 1000),
      ...lines.map(({ read }) => shown.map((sample) => positive(read(sample), isLog))),
    ];
    const names = lines.map(({ name }) => name).join('\n');
    const before = this.plots.get(title);
    if (before?.lines === names) {
      before.plot.setData(data);
      return;
    }
    const box = before?.box ?? this.boxOf(title);
    before?.plot.destroy();
    const plot = new uPlot(this.optionsOf(lines, isLog, box.clientWidth), data, box);
    this.plots.set(title, { plot, lines: names, box });
  }

  private boxOf(title: string): HTMLElement {
    const box = make('section', { className: 'chart' }, make('h3', {}, title));
    box.setAttribute('aria-label', title);
    byId('charts').append(box);
    new ResizeObserver(() => {
      const drawn = this.plots.get(title)?.plot;
      if (drawn !== undefined && drawn.width !== box.clientWidth) {
        drawn.setSize({ width: box.clientWidth, height: heightOf(box.clientWidth) });
      }
    }).observe(box);
    return box;
  }

  private optionsOf(lines: readonly Line[], isLog: boolean, width: number): uPlot.Options {
    const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
    const [ink, grid] = isDark ? ['#c8c8c8', '#333'] : ['#444', '#e4e4e4'];
    const axis = { stroke: ink, grid: { stroke: grid }, ticks: { stroke: grid } };
    return {
      width,
      height: heightOf(width),
      legend: { live: false },
      cursor: { y: false },
      scales: { x: { time: true }, y: isLog ? { distr: 3 } : { range: fromZero } },
      axes: [
        { ...axis, space: 80 },
        { ...axis, size: 62, values: (_plot, ticks) => ticks.map((tick) => tickText(tick, isLog)) },
      ],
      series: [
        {},
        ...lines.map(({ name, colour }) => ({
          label: name,
          stroke: colour,
          width: 2,
          spanGaps: true,
        })),
      ],
      hooks: { draw: [(plot) => this.drawMarks(plot, ink)] },
    };
  }

  private drawMarks(plot: uPlot, ink: string): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = ink;
    ctx.fillStyle = ink;
    ctx.setLineDash([4, 4]);
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    for (const { atS, text } of this.marks) {
      const x = plot.valToPos(atS, 'x', true);
      if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(text, x + 4, bbox.top + 12 * devicePixelRatio);
    }
    ctx.restore();
  }
}

function heightOf(width: number): number {
  return Math.round(Math.min(280, Math.max(200, width * 0.5)));
}

function fromZero(_plot: uPlot, _least: number, most: number): [number, number] {
  return [0, most > 0 ? most * 1.1 : 1];
}

/** A logarithm has no place for nothing. */
function positive(value: number | null, isLog: boolean): number | null {
  return isLog && value !== null && value <= 0 ? null : value;
}

function tickText(tick: number | null, isLog: boolean): string {
  if (tick === null || (isLog && !/^1(0*|e.*)?$|^0\.0*1$/.test(String(tick)))) return '';
  return shortNumber(tick);
}
