/** A chart with a logarithmic vertical axis, as SVG: a few curves over whole numbers. */

/** One curve: a point for each number of the horizontal axis; points at or below 0 are left out. */
export interface Curve {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const SIZE = { width: 640, height: 420, left: 70, right: 170, top: 40, bottom: 50 };
const COLOURS = ['#1f5fa8', '#c2571a', '#3c8a3f', '#8a3c86', '#777'];

/** The chart; the axis goes down to `10^lowest`. */
export function logChart(
  title: string,
  axes: { readonly x: string; readonly y: string; readonly lowest: number },
  curves: readonly Curve[],
): string {
  const { width, height, left, right, top, bottom } = SIZE;
  const furthest = Math.max(...curves.flatMap(({ points }) => points.map(([x]) => x)));
  const across = (x: number) => left + (x / furthest) * (width - left - right);
  const up = (y: number) => top + (Math.log10(y) / axes.lowest) * (height - top - bottom);
  const place = (value: number) => value.toFixed(1);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<style>text{font:13px sans-serif;fill:#222}</style>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${left}" y="24">${title}</text>`,
  ];
  for (let power = 0; power >= axes.lowest; power -= 2) {
    const y = place(up(Number(`1e${power}`)));
    parts.push(`<path d="M${left} ${y}H${width - right}" stroke="#ddd"/>`);
    parts.push(`<text x="${left - 8}" y="${y}" dy="4" text-anchor="end">1e${power}</text>`);
  }
  for (let tick = 0; tick <= 4; tick += 1) {
    const x = Math.round((furthest * tick) / 4);
    parts.push(`<text x="${place(across(x))}" y="${height - bottom + 20}" text-anchor="middle">${x}</text>`);
  }
  parts.push(`<text x="${(left + width - right) / 2}" y="${height - 10}" text-anchor="middle">${axes.x}</text>`);
  parts.push(
    `<text x="14" y="${height / 2}" transform="rotate(-90 14 ${height / 2})" text-anchor="middle">${axes.y}</text>`,
  );
  curves.forEach(({ label, points }, index) => {
    const colour = COLOURS[index % COLOURS.length]!;
    const shown = points.filter(([, y]) => y >= Number(`1e${axes.lowest}`) && y <= 1);
    const path = shown.map(([x, y]) => `${place(across(x))} ${place(up(y))}`).join('L');
    parts.push(`<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    const y = top + 10 + index * 22;
    parts.push(`<path d="M${width - right + 16} ${y}h22" stroke="${colour}" stroke-width="2"/>`);
    parts.push(`<text x="${width - right + 44}" y="${y}" dy="4">${label}</text>`);
  });
  return `${[...parts, '</svg>'].join('\n')}\n`;
}
