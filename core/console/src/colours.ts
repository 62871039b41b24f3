const COLOURS = [
  ...['#3f8fd2', '#d95f02', '#2ca02c', '#9467bd', '#c0392b', '#8c6d31', '#0f8b8d', '#7f7f7f'],
];
/** Functions with a colour of their own; the others share the last one. */
export const COLOURS_MAX = COLOURS.length;

const byName = new Map<string, string>();

/** Of a function or a line: the same everywhere, as long as the page is open. */
export function colourOf(name: string): string {
  const known = byName.get(name);
  if (known !== undefined) return known;
  const colour = COLOURS[Math.min(byName.size, COLOURS_MAX - 1)] as string;
  if (byName.size < 1000) byName.set(name, colour);
  return colour;
}

/** Of lines that are no functions, by their place. */
export function colourAt(place: number): string {
  return COLOURS[place % COLOURS_MAX] as string;
}
