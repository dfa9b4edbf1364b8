/**
 * The pad: strokes by pointer or by keys, and the row that the net sees of them.
 *
 * Strokes are kept as points, not as pixels: they are moved and scaled into the box that the training digits fill and drawn
 * there with strokes of their breadth, because a net knows nothing of places and sizes that it has not seen.
 */
import type { Digits } from './digits.js';

interface Point {
  readonly x: number;
  readonly y: number;
}

const SIZE = 280;
const PEN = 16;
/** How far an arrow key moves the pen. */
const KEY_STEP = 14;
const ARROWS: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

export class Pad {
  #strokes: Point[][] = [];
  /** A row that stands there in place of strokes. */
  #row: Float32Array<ArrayBuffer> | undefined;
  #pointer: number | undefined;
  readonly #pen = { x: SIZE / 2, y: SIZE / 2, isDown: false, isUsed: false };

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly changed: () => void,
  ) {
    canvas.width = SIZE;
    canvas.height = SIZE;
    canvas.addEventListener('pointerdown', (event) => this.#start(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    for (const name of ['pointerup', 'pointercancel'] as const) {
      canvas.addEventListener(name, (event) => this.#end(event));
    }
    canvas.addEventListener('keydown', (event) => this.#key(event));
    this.draw();
  }

  clear(): void {
    this.#empty();
    this.#show();
  }

  /** Puts a row there in place of strokes. */
  put(row: Float32Array<ArrayBuffer>): void {
    this.#empty();
    this.#row = row;
    this.#show();
  }

  /** What the net sees, `[side²]`, 0 to 1; undefined where nothing is drawn. */
  row({ side, box }: Digits): Float32Array<ArrayBuffer> | undefined {
    if (this.#row !== undefined) return this.#row.length === side * side ? this.#row : undefined;
    if (this.#strokes.length === 0) return undefined;
    return rendered(fitted(this.#strokes, side, box), side, box.stroke);
  }

  draw(): void {
    const context = this.canvas.getContext('2d')!;
    context.fillStyle = '#000000';
    context.fillRect(0, 0, SIZE, SIZE);
    if (this.#row !== undefined) drawRow(context, this.#row);
    drawStrokes(context, this.#strokes, PEN);
    if (!this.#pen.isUsed) return;
    context.strokeStyle = this.#pen.isDown ? '#ffb000' : '#7db4f0';
    context.lineWidth = 3;
    context.strokeRect(this.#pen.x - 8, this.#pen.y - 8, 16, 16);
  }

  /** Takes all away, with the stroke that is being drawn. */
  #empty(): void {
    this.#strokes = [];
    this.#row = undefined;
    this.#pointer = undefined;
    this.#pen.isDown = false;
  }

  #show(): void {
    this.draw();
    this.changed();
  }

  #placeOf(event: PointerEvent): Point {
    const { left, top, width } = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - left) / width) * SIZE, y: ((event.clientY - top) / width) * SIZE };
  }

  #start(event: PointerEvent): void {
    if (this.#pointer !== undefined) return;
    this.#pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.#row = undefined;
    this.#pen.isUsed = false;
    this.#pen.isDown = false;
    this.#strokes.push([this.#placeOf(event)]);
    this.draw();
  }

  #move(event: PointerEvent): void {
    if (event.pointerId !== this.#pointer) return;
    this.#strokes.at(-1)!.push(this.#placeOf(event));
    this.draw();
  }

  #end(event: PointerEvent): void {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = undefined;
    this.#show();
  }

  #key(event: KeyboardEvent): void {
    const arrow = ARROWS[event.key];
    if (arrow === undefined && event.key !== ' ') return;
    event.preventDefault();
    const pen = this.#pen;
    pen.isUsed = true;
    this.#row = undefined;
    if (arrow === undefined) {
      pen.isDown = !pen.isDown;
      if (pen.isDown) this.#strokes.push([{ x: pen.x, y: pen.y }]);
    } else {
      pen.x = Math.min(SIZE, Math.max(0, pen.x + KEY_STEP * arrow.x));
      pen.y = Math.min(SIZE, Math.max(0, pen.y + KEY_STEP * arrow.y));
      if (pen.isDown) this.#strokes.at(-1)!.push({ x: pen.x, y: pen.y });
    }
    this.#show();
  }
}

/** Strokes moved and scaled so that they fill the box of a digit in the middle of the picture. */
function fitted(strokes: readonly Point[][], side: number, { width, height }: Digits['box']): Point[][] {
  const points = strokes.flat();
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const scale = Math.min(width / Math.max(right - left, 1), height / Math.max(bottom - top, 1));
  const moved = ({ x, y }: Point) => ({
    x: side / 2 + scale * (x - (left + right) / 2),
    y: side / 2 + scale * (y - (top + bottom) / 2),
  });
  return strokes.map((stroke) => stroke.map(moved));
}

function rendered(strokes: readonly Point[][], side: number, breadth: number): Float32Array<ArrayBuffer> {
  const context = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true })!;
  drawStrokes(context, strokes, breadth);
  const { data } = context.getImageData(0, 0, side, side);
  return Float32Array.from({ length: side * side }, (_, pixel) => data[4 * pixel + 3]! / 255);
}

function drawStrokes(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  strokes: readonly Point[][],
  breadth: number,
): void {
  context.strokeStyle = '#ffffff';
  context.lineWidth = breadth;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const [first, ...others] of strokes) {
    context.beginPath();
    context.moveTo(first!.x, first!.y);
    for (const { x, y } of others.length === 0 ? [first!] : others) context.lineTo(x, y);
    context.stroke();
  }
}

function drawRow(context: CanvasRenderingContext2D, row: Float32Array): void {
  const side = Math.sqrt(row.length);
  const step = SIZE / side;
  for (const [pixel, value] of row.entries()) {
    const grey = Math.round(255 * value);
    context.fillStyle = `rgb(${grey} ${grey} ${grey})`;
    context.fillRect((pixel % side) * step, Math.floor(pixel / side) * step, step + 0.5, step + 0.5);
  }
}
