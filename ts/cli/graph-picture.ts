/**
 * A picture of a graph as SVG: layers as boxes, stacked from the visible one up; lines for undirected connections, arrows
 * for directed ones, dashed arrows for recognition, a solid arrow down and a dashed one up for tied ones, a loop for a
 * layer that is joined to itself.
 *
 * A layer stands one level above the highest layer that leads up to it; one that nothing leads up to, but for the visible
 * layer, stands beside what its upper layer joins it with.
 */
import { type Connection, type Graph, type Layer, unitsOf, visibleLayerOf } from '../graph/graph.js';
import { unitType } from '../units/index.js';
import { escaped } from './markup.js';

const BOX_HEIGHT = 52;
const LEAST_BOX_WIDTH = 150;
/** Room between boxes of a level, and between levels. */
const GAP = { across: 40, up: 64 };
const MARGIN = 28;
/** How far a loop, and a connection that passes by other levels, leaves the boxes. */
const BULGE = 46;
/** How far apart the two arrows of a pair of layers are. */
const APART = 18;
/** Of the text of a box. */
const LETTER_WIDTH = 7.4;
const LEGEND_LINE = 20;
const LINE = { solid: '', dashed: ' stroke-dasharray="6 4"' };

/** A layer's box. */
interface Box {
  readonly layer: Layer;
  readonly level: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** How one connection is drawn: its strokes, and what the legend says of them. */
interface Stroke {
  readonly from: 'lower' | 'upper';
  readonly arrow: boolean;
  readonly dashed: boolean;
}

const strokes: Readonly<Record<Connection['kind'], readonly Stroke[]>> = {
  undirected: [{ from: 'lower', arrow: false, dashed: false }],
  directed: [{ from: 'upper', arrow: true, dashed: false }],
  recognition: [{ from: 'lower', arrow: true, dashed: true }],
  forward: [{ from: 'lower', arrow: true, dashed: false }],
  tied: [
    { from: 'upper', arrow: true, dashed: false },
    { from: 'lower', arrow: true, dashed: true },
  ],
};

const legends: Readonly<Record<Connection['kind'], string>> = {
  undirected: 'line: undirected',
  directed: 'arrow down: directed, from causes to effects',
  recognition: 'dashed arrow up: recognition',
  forward: 'arrow up: forward, means passed on',
  tied: 'arrow down and dashed arrow up: tied, one matrix for both',
};

/** The picture, a whole SVG document. */
export function graphPicture(graph: Graph): string {
  const boxes = boxesOf(graph);
  const kinds = [...new Set(graph.connections.map(({ kind }) => kind))];
  const right = Math.max(...boxes.map(({ x, width }) => x + width));
  const legendWidth = Math.max(0, ...kinds.map((kind) => legends[kind].length * LETTER_WIDTH));
  const width = Math.ceil(Math.max(right + roomOnTheRight(graph, boxes), MARGIN + legendWidth) + MARGIN);
  const bottom = Math.max(...boxes.map(({ y }) => y + BOX_HEIGHT));
  const height = Math.ceil(bottom + MARGIN + kinds.length * LEGEND_LINE + MARGIN / 2);
  const drawn = graph.connections.map((connection) => connectionSvg(graph, boxes, connection));
  const legend = kinds.map((kind, line) => {
    return text(MARGIN, bottom + MARGIN + (line + 0.5) * LEGEND_LINE, legends[kind], 'class="small"');
  });
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${escaped(`Layers ${graph.layers.map(({ name }) => name).join(', ')}`)}</title>`,
    '<style>text{font:13px sans-serif;fill:#222}.name{font-weight:bold}.small{font-size:12px;fill:#555}</style>',
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">',
    '<path d="M0 0L10 5L0 10z" fill="#333"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...drawn,
    ...boxes.map((box) => boxSvg(box, box.layer.name === visibleLayerOf(graph))),
    ...legend,
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

/** What loops, connections that pass by other levels, and their labels need beside the boxes. */
function roomOnTheRight(graph: Graph, boxes: readonly Box[]): number {
  const levelOf = (name: string) => boxes.find(({ layer }) => layer.name === name)!.level;
  const outside = graph.connections.filter(({ lower, upper }) => {
    return lower === upper || Math.abs(levelOf(lower) - levelOf(upper)) > 1;
  });
  const labels = outside.map((connection) => sizeOf(graph, connection).length * LETTER_WIDTH);
  return outside.length === 0 ? 0 : BULGE + Math.max(...labels);
}

/** The level of every layer, from 0 up, in the graph's order. */
function levelsOf(graph: Graph): number[] {
  const { layers, connections } = graph;
  const up = connections.filter(({ lower, upper }) => lower !== upper);
  const place = (name: string) => layers.findIndex((layer) => layer.name === name);
  const levels = layers.map(() => 0);
  // Undirected connections may go round, so that levels need not settle: as many rounds as there are layers suffice else.
  for (let round = 0; round < layers.length; round += 1) {
    for (const { lower, upper } of up) {
      levels[place(upper)] = Math.max(levels[place(upper)]!, Math.min(levels[place(lower)]! + 1, layers.length - 1));
    }
  }
  const visible = visibleLayerOf(graph);
  return layers.map(({ name }, index) => {
    if (name === visible || up.some(({ upper }) => upper === name)) return levels[index]!;
    const above = up.filter(({ lower }) => lower === name).map(({ upper }) => levels[place(upper)]!);
    return Math.max(0, Math.min(...above, layers.length) - 1) % layers.length;
  });
}

function boxesOf(graph: Graph): Box[] {
  const levels = levelsOf(graph);
  // Empty levels, which circles leave, take no room.
  const used = [...new Set(levels)].sort((a, b) => a - b);
  const rows = used.map((level) => graph.layers.filter((_, index) => levels[index] === level));
  const widths = rows.map((row) => row.reduce((sum, layer) => sum + widthOf(layer) + GAP.across, -GAP.across));
  const widest = Math.max(...widths);
  return rows.flatMap((row, level) => {
    let x = MARGIN + (widest - widths[level]!) / 2;
    const y = MARGIN + (rows.length - 1 - level) * (BOX_HEIGHT + GAP.up);
    return row.map((layer) => {
      const box = { layer, level, x, y, width: widthOf(layer) };
      x += box.width + GAP.across;
      return box;
    });
  });
}

function widthOf({ name, units }: Layer): number {
  const letters = Math.max(name.length + 2, unitType(units).describe(units).length);
  return Math.max(LEAST_BOX_WIDTH, Math.ceil(letters * LETTER_WIDTH) + 24);
}

function boxSvg({ layer, x, y, width }: Box, holdsData: boolean): string {
  const { name, units } = layer;
  const centre = x + width / 2;
  const fill = holdsData ? '#e3eefb' : '#f4f4f4';
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${BOX_HEIGHT}" rx="6" fill="${fill}" stroke="#333"/>`,
    text(centre, y + 21, name, 'class="name" text-anchor="middle"'),
    text(centre, y + 40, unitType(units).describe(units), 'text-anchor="middle"'),
  ].join('\n');
}

function connectionSvg(graph: Graph, boxes: readonly Box[], connection: Connection): string {
  const boxOf = (name: string) => boxes.find(({ layer }) => layer.name === name)!;
  const [lower, upper] = [boxOf(connection.lower), boxOf(connection.upper)];
  const label = sizeOf(graph, connection);
  if (lower === upper) return loopSvg(lower, label);
  const paired = isPaired(graph, connection);
  return strokes[connection.kind]
    .map(({ from, arrow, dashed }, index) => {
      // Of two arrows between the same layers the one down is on the left.
      const shift = paired ? (from === 'upper' ? -APART : APART) : 0;
      const route = routeOf(lower, upper, shift);
      const ends = from === 'lower' ? route.points : [...route.points].reverse();
      const style = `${dashed ? LINE.dashed : LINE.solid}${arrow ? ' marker-end="url(#arrow)"' : ''}`;
      const path = `<path d="${pathOf(ends)}" fill="none" stroke="#333" stroke-width="1.5"${style}/>`;
      if (index > 0 || connection.kind === 'recognition') return path;
      const left = shift < 0 || (shift === 0 && leansRight(route.points));
      const anchor = left ? ' text-anchor="end"' : '';
      // A line that leans comes nearer to the words, half of whose height is 6.
      const [[fromX, fromY], [toX, toY]] = [route.points[0]!, route.points.at(-1)!];
      const away = 8 + (toY === fromY ? 0 : 6 * Math.abs((toX - fromX) / (toY - fromY)));
      return `${path}\n${text(route.label[0] + (left ? -away : away), route.label[1], label, `class="small"${anchor}`)}`;
    })
    .join('\n');
}

/** Whether two arrows run between the layers of a connection. */
function isPaired({ connections }: Graph, { kind, lower, upper }: Connection): boolean {
  if (kind === 'tied') return true;
  return connections.filter((other) => other.lower === lower && other.upper === upper).length > 1;
}

type Point = readonly [x: number, y: number];

/** From the lower box to the upper one: two points of a line, or four of a curve; and where the label goes. */
function routeOf(lower: Box, upper: Box, shift: number): { readonly points: readonly Point[]; readonly label: Point } {
  if (lower.level === upper.level) {
    const [left, right] = lower.x < upper.x ? [lower, upper] : [upper, lower];
    const y = lower.y + BOX_HEIGHT / 2 + shift / 2;
    const points: Point[] = [
      [left.x + left.width, y],
      [right.x, y],
    ];
    const label: Point = [left.x + left.width - 4, y - 6];
    return { points: left === lower ? points : points.reverse(), label };
  }
  const centre = ({ x, width }: Box) => x + width / 2 + shift;
  if (Math.abs(upper.level - lower.level) === 1) {
    const [under, over] = upper.level > lower.level ? [lower, upper] : [upper, lower];
    const points: Point[] = [
      [centre(under), under.y],
      [centre(over), over.y + BOX_HEIGHT],
    ];
    const label: Point = [(points[0]![0] + points[1]![0]) / 2, (points[0]![1] + points[1]![1]) / 2 + 4];
    return { points: under === lower ? points : points.reverse(), label };
  }
  // Past the levels between, on the right.
  const side = ({ x, y, width }: Box): Point => [x + width, y + BOX_HEIGHT / 2 + shift / 2];
  const [from, to] = [side(lower), side(upper)];
  const out = Math.max(from[0], to[0]) + BULGE + shift / 2;
  // Three quarters of the way out is as far as the curve comes.
  const label: Point = [Math.max(from[0], to[0]) + 0.75 * (out - Math.max(from[0], to[0])), (from[1] + to[1]) / 2];
  return { points: [from, [out, from[1]], [out, to[1]], to], label };
}

/** Whether a line goes up to the right, so that there is more room for words on its left. */
function leansRight([from, to, ...curved]: readonly Point[]): boolean {
  return curved.length === 0 && from![1] !== to![1] && (to![0] - from![0]) * (from![1] - to![1]) > 0;
}

function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points.map(([x, y]) => `${x} ${y}`);
  return `M${first}${rest.length > 1 ? 'C' : 'L'}${rest.join(' ')}`;
}

function loopSvg({ x, y, width }: Box, label: string): string {
  const [side, high, low] = [x + width, y + 12, y + BOX_HEIGHT - 12];
  const path = `M${side} ${high}C${side + BULGE} ${high - 16} ${side + BULGE} ${low + 16} ${side} ${low}`;
  return `<path d="${path}" fill="none" stroke="#333" stroke-width="1.5"/>\n${text(side + 8, y - 4, label, 'class="small"')}`;
}

/** `144 × 64`, or how many pairs of units are joined. */
export function sizeOf(graph: Graph, { lower, upper, edges }: Connection): string {
  if (edges !== undefined) return `${edges.lower.length} ${edges.lower.length === 1 ? 'pair' : 'pairs'}`;
  return `${unitsOf(graph, lower)} × ${unitsOf(graph, upper)}`;
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escaped(words)}</text>`;
}
