/**
 * Plots as SVG text: lines over a common axis, points in the plane, values with their intervals, and tables of counts. Drawn by Observable Plot
 * into linkedom's document, both of which are loaded when the first plot is drawn. Equal series give equal text. The background is white,
 * so that a plot reads the same in light and dark viewers.
 */
import type * as Plot from '@observablehq/plot';

/** One line of a plot: its name in the legend, and its points `[x, y]` in order. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

/** One axis: what it shows with its unit, and whether its scale is logarithmic (default: it is not). */
export interface Axis {
  readonly label: string;
  readonly log?: boolean;
}

/** Lines over a common axis. On a logarithmic axis points that are not above 0 are left out. */
export interface LinePanel {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

/** A value for each name, one below another, and where given the ends between which it lies. */
export interface ValuePanel {
  readonly x: Axis;
  readonly values: readonly {
    readonly name: string;
    readonly value: number;
    readonly low?: number | undefined;
    readonly high?: number | undefined;
  }[];
}

/** Counts by line and column, of the same names, and how both are called. */
export interface MatrixPanel {
  readonly x: Axis;
  readonly y: Axis;
  readonly names: readonly string[];
  /** `[line][column]`. */
  readonly counts: readonly (readonly number[])[];
}

const WIDTH = 860;
const TITLE_HEIGHT = 34;
const PANEL_HEIGHT = 380;
const MATRIX_HEIGHT = 640;
const LEGEND_WIDTH = 210;
const LEGEND_LINE = 19;
/** Lines of at most so many points show each of them. */
const MOST_DOTS = 40;

/** Ten colours that can be told apart, and dashes for what comes after them. */
const COLOURS = [
  '#4269d0',
  '#d98c00',
  '#e0403c',
  '#2f9e9a',
  '#3a8f3f',
  '#d65fa6',
  '#8a5bd1',
  '#3fa7d6',
  '#8c5f43',
  '#6b7280',
];
/** The dashes of a line by its place; null where it has none. */
export const dashOf = (index: number) => (index < COLOURS.length ? null : '5 3');
/** The colour of a line by its place. */
export const colourOf = (index: number) => COLOURS[index % COLOURS.length]!;

/** The text of an SVG file with the panels below one another. */
export async function linePlot(title: string, panels: readonly LinePanel[]): Promise<string> {
  const { plot, line, dot } = await import('@observablehq/plot');
  const page = await Page.of(title, panels.length * PANEL_HEIGHT);
  panels.forEach(({ x, y, series }, index) => {
    const lines = series.map(({ points }) => points.filter((point) => isDrawn(point[0], x) && isDrawn(point[1], y)));
    const drawn = plot({
      ...page.size(PANEL_HEIGHT),
      marginRight: LEGEND_WIDTH,
      x: axisOptions(x, 'x'),
      y: axisOptions(y, 'y'),
      marks: lines.flatMap((points, place) => {
        const paint = { stroke: colourOf(place), strokeDasharray: dashOf(place) ?? '' };
        const channels = { x: xOf, y: yOf };
        const curve = line(points, { ...channels, ...paint, strokeWidth: 1.8 });
        const few = points.length <= MOST_DOTS;
        return few ? [curve, dot(points, { ...channels, r: 2.2, fill: colourOf(place) })] : [curve];
      }),
    });
    page.add(drawn, index * PANEL_HEIGHT);
    page.legend(
      series.map(({ name }) => name),
      index * PANEL_HEIGHT,
    );
  });
  return page.text();
}

/** The size of a small plot. */
const SMALL = { width: 430, height: 250, marginLeft: 58, marginRight: 14, marginTop: 26, marginBottom: 38 };

/**
 * Lines over a common axis as a small SVG element for a page, without title and legend: background and words are the page's. Each
 * line has the colour of its name's place among `names`.
 */
export async function smallPlot({ x, y, series }: LinePanel, names: readonly string[]): Promise<string> {
  const { plot, line, dot } = await import('@observablehq/plot');
  const drawn = plot({
    ...SMALL,
    document: await emptyDocument(),
    style: { background: 'none' },
    x: { ...axisOptions(x, 'x'), ticks: 5 },
    y: { ...axisOptions(y, 'y'), ticks: 5 },
    marks: series.flatMap(({ name, points }) => {
      const shown = points.filter((point) => isDrawn(point[0], x) && isDrawn(point[1], y));
      const place = names.indexOf(name);
      const channels = { x: xOf, y: yOf };
      const curve = line(shown, {
        ...channels,
        stroke: colourOf(place),
        strokeDasharray: dashOf(place) ?? '',
        strokeWidth: 1.8,
      });
      return shown.length > MOST_DOTS ? [curve] : [curve, dot(shown, { ...channels, r: 2.2, fill: colourOf(place) })];
    }),
  });
  return drawn.outerHTML;
}

/** The text of an SVG file with points in a square, a colour for each series. */
export async function pointPlot(title: string, { x, y, series }: LinePanel): Promise<string> {
  const { plot, dot } = await import('@observablehq/plot');
  const page = await Page.of(title, MATRIX_HEIGHT);
  const drawn = plot({
    ...page.size(MATRIX_HEIGHT),
    marginRight: LEGEND_WIDTH,
    x: axisOptions(x, 'x'),
    y: axisOptions(y, 'y'),
    marks: series.map(({ points }, place) => {
      return dot(points, { x: xOf, y: yOf, r: 1.8, fill: colourOf(place), fillOpacity: 0.7 });
    }),
  });
  page.add(drawn, 0);
  page.legend(
    series.map(({ name }) => name),
    0,
  );
  return page.text();
}

/** The text of an SVG file with a line for each value. */
export async function valuePlot(title: string, { x, values }: ValuePanel): Promise<string> {
  const { plot, dot, ruleY, text } = await import('@observablehq/plot');
  const height = 70 + 30 * values.length;
  const page = await Page.of(title, height);
  const names = values.map(({ name }) => name);
  const bracketed = values.filter(({ low, high }) => low !== undefined && high !== undefined);
  const drawn = plot({
    ...page.size(height),
    marginLeft: LEGEND_WIDTH,
    marginRight: 70,
    x: axisOptions(x, 'x'),
    y: { domain: names, label: null, type: 'band' },
    marks: [
      ruleY(bracketed, { y: 'name', x1: 'low', x2: 'high', stroke: colourOf(0), strokeWidth: 5, strokeOpacity: 0.4 }),
      dot(values, { x: 'value', y: 'name', r: 4, fill: colourOf(0) }),
      text(values, { x: 'value', y: 'name', text: ({ value }) => value.toFixed(2), dx: 10, textAnchor: 'start' }),
    ],
  });
  page.add(drawn, 0);
  return page.text();
}

/** The most names of which each cell has room for its number. */
const MOST_NUMBERED = 25;

/**
 * The text of an SVG file with a table of counts; a cell is the darker the larger its share of its line, as the root of it, so
 * that what is rare can be seen.
 */
export async function matrixPlot(title: string, { x, y, names, counts }: MatrixPanel): Promise<string> {
  const { plot, cell, text } = await import('@observablehq/plot');
  const page = await Page.of(title, MATRIX_HEIGHT);
  const cells = counts.flatMap((line, index) => {
    const sum = Math.max(
      1,
      line.reduce((total, count) => total + count, 0),
    );
    return line.map((count, column) => {
      const darkness = Math.sqrt(count / sum);
      return { x: names[column]!, y: names[index]!, count, darkness };
    });
  });
  const places = { x: 'x', y: 'y' } as const;
  const numbered = names.length <= MOST_NUMBERED ? cells.filter(({ count }) => count > 0) : [];
  const drawn = plot({
    ...page.size(MATRIX_HEIGHT),
    marginTop: 40,
    x: { domain: names, label: x.label, labelAnchor: 'center', labelArrow: 'none', axis: 'top' },
    y: { domain: names, label: y.label, labelAnchor: 'center', labelArrow: 'none' },
    opacity: { type: 'identity' },
    marks: [
      cell(cells, { ...places, fill: colourOf(0), fillOpacity: 'darkness', inset: 0.5 }),
      text(numbered, { ...places, text: 'count', fill: ({ darkness }) => (darkness > 0.6 ? 'white' : 'black') }),
    ],
  });
  page.add(drawn, 0);
  return page.text();
}

const xOf = (point: readonly [number, number]) => point[0];
const yOf = (point: readonly [number, number]) => point[1];

function isDrawn(value: number, { log }: Axis): boolean {
  return Number.isFinite(value) && (log !== true || value > 0);
}

function axisOptions({ label, log }: Axis, direction: 'x' | 'y'): Plot.ScaleOptions {
  const anchor = direction === 'x' ? 'center' : 'top';
  const common = { label, grid: true, labelArrow: 'none', labelAnchor: anchor, nice: direction === 'y' } as const;
  return log === true ? { ...common, type: 'log', tickFormat: oneTwoFive } : { ...common, tickFormat: plain };
}

/** A tick in as few digits as tell it from its neighbours: Plot writes the one tick of a constant as `0.100000`. */
function plain(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 6 }).replace('-', '−');
}

/** Names the ticks at 1, 2 and 5 times a power of ten, and as plain numbers: Plot writes 0.1 as `100m`. */
function oneTwoFive(value: number): string {
  const first = /[1-9]/.exec(String(value))?.[0] ?? '';
  return '125'.includes(first) ? value.toLocaleString('en-US', { maximumFractionDigits: 9 }) : '';
}

async function emptyDocument(): Promise<Document> {
  const { parseHTML } = await import('linkedom');
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  return document as unknown as Document;
}

/** An SVG that is being put together. */
class Page {
  private readonly root: Element;

  private constructor(
    private readonly document: Document,
    title: string,
    height: number,
  ) {
    this.root = this.element('svg', {
      xmlns: 'http://www.w3.org/2000/svg',
      width: WIDTH,
      height: height + TITLE_HEIGHT,
      viewBox: `0 0 ${WIDTH} ${height + TITLE_HEIGHT}`,
      'font-family': 'system-ui, sans-serif',
      color: 'black',
    });
    this.root.append(this.element('rect', { width: '100%', height: '100%', fill: 'white' }));
    this.label(title, { x: 14, y: 24, 'font-size': 16, 'font-weight': 600 });
  }

  static async of(title: string, height: number): Promise<Page> {
    return new Page(await emptyDocument(), title, height);
  }

  /** What every plot on the page is told. */
  size(height: number) {
    return { document: this.document, width: WIDTH, height, marginLeft: 64, marginTop: 26, marginBottom: 42 };
  }

  add(drawn: Element, top: number): void {
    drawn.setAttribute('y', String(TITLE_HEIGHT + top));
    drawn.setAttribute('font-size', '12');
    this.root.append(drawn);
  }

  /** Names with their colours, to the right of the panel. */
  legend(names: readonly string[], top: number): void {
    const left = WIDTH - LEGEND_WIDTH + 14;
    names.forEach((name, index) => {
      const y = TITLE_HEIGHT + top + 36 + LEGEND_LINE * index;
      const dash = dashOf(index);
      const stroke = { stroke: colourOf(index), 'stroke-width': 2.5, ...(dash && { 'stroke-dasharray': dash }) };
      this.root.append(this.element('line', { x1: left, x2: left + 22, y1: y, y2: y, ...stroke }));
      this.label(name, { x: left + 28, y: y + 4, 'font-size': 12 });
    });
  }

  text(): string {
    return `${this.root.outerHTML}\n`;
  }

  private label(words: string, attributes: Record<string, string | number>): void {
    const text = this.element('text', { fill: 'black', ...attributes });
    text.textContent = words;
    this.root.append(text);
  }

  private element(name: string, attributes: Record<string, string | number>): Element {
    const element = this.document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
    return element;
  }
}
