const UNITS = [
  [1e6, 's'],
  [1e3, 'ms'],
  [1, 'us'],
] as const;

/** Three digits. */
export function shortNumber(value: number): string {
  if (Math.abs(value) >= 1e5) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** Of microseconds; nothing was measured: a dash. */
export function time(us: number | null): string {
  if (us === null) return '-';
  const [factor, unit] = UNITS.find(([of]) => us >= of) ?? UNITS[2];
  return `${shortNumber(us / factor)} ${unit}`;
}

export function ratio(value: number | null): string {
  return value === null ? '-' : shortNumber(value);
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
