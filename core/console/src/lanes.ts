import { colourOf, COLOURS_MAX } from './colours.js';
import { byId, make, setText } from './dom.js';
import { count, time } from './format.js';
import type { Lanes, LaneSlice } from './report.js';

const ROW_PX = 26;
const HEAD_PX = 20;
const LABEL_PX = 70;
const SVG = 'http://www.w3.org/2000/svg';

/** Who ran on which worker in a moment of the last second. */
export function showLanes(lanes: Lanes | null, workers: number): void {
  const text = byId('lanes-text');
  const canvas = byId<HTMLCanvasElement>('lanes');
  canvas.hidden = lanes === null || workers === 0;
  if (lanes === null) {
    setText(text, 'Lanes are drawn when the server has an admin port and runs on its own workers.');
    return;
  }
  setText(text, summaryOf(lanes));
  draw(canvas, lanes, workers);
  showLegend(lanes);
}

function summaryOf({ slices, windowUs, arrivals, preemptions, misses, isCut }: Lanes): string {
  if (slices.length === 0) return 'In the last moment that was looked at, nothing began or ended.';
  const cut = isCut ? ' More happened than fits: the window ends early.' : '';
  return (
    `${time(windowUs)} of the last second: ${count(slices.length)} runs, ` +
    `${count(arrivals)} arrivals, ${count(preemptions)} preemptions, ${count(misses)} misses.${cut}`
  );
}

function draw(canvas: HTMLCanvasElement, lanes: Lanes, workers: number): void {
  const ratio = devicePixelRatio;
  const width = canvas.clientWidth;
  const height = HEAD_PX + workers * ROW_PX;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue('--text');
  const bad = style.getPropertyValue('--bad');
  context.font = '12px system-ui, sans-serif';
  context.fillStyle = ink;
  context.fillText(`0 to ${time(lanes.windowUs)}`, LABEL_PX, 14);
  for (let worker = 0; worker < workers; worker += 1) {
    context.fillText(`worker ${worker}`, 4, HEAD_PX + worker * ROW_PX + 17);
  }
  const scale = (width - LABEL_PX - 4) / Math.max(1, lanes.windowUs);
  for (const slice of lanes.slices) drawSlice(context, slice, scale, [ink, bad]);
}

/** An edge at its end says how it ended: left the worker early, or late. */
function drawSlice(
  context: CanvasRenderingContext2D,
  slice: LaneSlice,
  scale: number,
  [ink, bad]: [string, string],
): void {
  const x = LABEL_PX + slice.fromUs * scale;
  const width = Math.max(1, (slice.toUs - slice.fromUs) * scale - 0.5);
  const y = HEAD_PX + slice.worker * ROW_PX + 3;
  context.fillStyle = colourOf(slice.function);
  context.fillRect(x, y, width, ROW_PX - 6);
  if (slice.end === 'preempted' || slice.isLate) {
    context.fillStyle = slice.isLate ? bad : ink;
    context.fillRect(x + width - 1.5, y - 2, 3, ROW_PX - 2);
  }
}

function showLegend({ slices }: Lanes): void {
  const names = [...new Set(slices.map((slice) => slice.function))].sort().slice(0, COLOURS_MAX);
  const legend = byId('lanes-legend');
  const before = [...legend.children].map(({ textContent }) => textContent);
  if (before.join('\n') === names.join('\n')) return;
  legend.replaceChildren(...names.map((name) => make('li', {}, patch(colourOf(name)), name)));
}

function patch(colour: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('aria-hidden', 'true');
  const rect = document.createElementNS(SVG, 'rect');
  for (const [name, value] of [
    ['width', '12'],
    ['height', '12'],
    ['fill', colour],
  ] as const) {
    rect.setAttribute(name, value);
  }
  svg.append(rect);
  return svg;
}
