/** What a run leaves for other programs: metrics.csv and the event file, read by Python's csv and by TensorBoard's own reader. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors } from 'wakesleep';
import { mayBeSkipped, runPython } from '../files/python.js';
import { smallConfiguration, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const out = join(folder, 'run');
const events = join(out, 'events.out.tfevents.wakesleep');
let records: Record<string, unknown>[];

beforeAll(async () => {
  const phase = { batchRows: 200, data: 'states', epochs: 2 };
  const small = smallConfiguration(folder, {
    data: { name: 'digits-tiny', heldOut: 100 },
    train: [
      {
        type: 'greedy',
        phases: [
          { type: 'contrastiveDivergence', ...phase },
          { type: 'parallelTempering', temperatures: 3, ...phase },
        ],
      },
    ],
  });
  expect(await wakesleep(['train', small, '--out', out, '--threads', '1'])).toMatchObject({ status: 0 });
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  records = lines.map((line) => JSON.parse(line));
});

/** Fields of a record by their paths. */
function flat(value: unknown, name = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return [[name, value]];
  return Object.entries(value).flatMap(([key, part]) => flat(part, name === '' ? key : `${name}.${key}`));
}

describe.skipIf(mayBeSkipped)('metrics.csv', () => {
  it('has every number of metrics.jsonl, and nothing where a record lacks it', () => {
    const program = 'import csv, json, sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline="")))))';
    const rows: Record<string, string>[] = JSON.parse(runPython(program, join(out, 'metrics.csv')));
    expect(rows).toHaveLength(4);
    expect(Object.keys(rows[0]!)).toContain('swapRates.1');
    for (const [index, row] of rows.entries()) {
      const wanted = new Map(flat(records[index]));
      for (const [name, cell] of Object.entries(row)) expect(cell).toBe(String(wanted.get(name) ?? ''));
      for (const name of wanted.keys()) expect(Object.keys(row)).toContain(name);
    }
    expect(rows.map((row) => row['swapRates.1'] === '')).toEqual([true, true, false, false]);
  });
});

const READ = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "histograms": 0, "images": 0}).Reload()
scalars = {tag: [[e.step, e.value, e.wall_time] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
def histogram(tag):
    [event] = events.Histograms(tag)
    h = event.histogram_value
    return [event.step, h.min, h.max, h.num, h.sum, h.sum_squares, list(h.bucket_limit), list(h.bucket)]
def image(tag):
    [event] = events.Images(tag)
    return [event.step, event.width, event.height, event.encoded_image_string.hex()]
print(json.dumps({"version": events.file_version, "scalars": scalars,
                  "histograms": {tag: histogram(tag) for tag in events.Tags()["histograms"]},
                  "images": {tag: image(tag) for tag in events.Tags()["images"]}}))`;

interface Read {
  readonly version: number;
  readonly scalars: Record<string, [number, number, number][]>;
  readonly histograms: Record<string, [number, number, number, number, number, number, number[], number[]]>;
  readonly images: Record<string, [number, number, number, string]>;
}

describe.skipIf(mayBeSkipped)('the event file, as TensorBoard reads it', () => {
  let read: Read;
  beforeAll(() => {
    read = JSON.parse(runPython(READ, out));
  });

  it('has every number of every record at its update, and the times of a run', () => {
    const place = ['phase', 'layer', 'epoch', 'epochs', 'updates'];
    const wanted = records.flatMap((record) =>
      flat(record).flatMap(([name, value]) =>
        typeof value === 'number' && !place.includes(name) ? [[`${record.layer}/${name}`, record.updates, value]] : [],
      ),
    );
    const found = Object.entries(read.scalars).flatMap(([tag, points]) => points.map((point) => [tag, ...point]));
    expect(found).toHaveLength(wanted.length);
    for (const [tag, step, value] of wanted) {
      const point = read.scalars[tag as string]!.find((candidate) => candidate[0] === step);
      // Numbers of a summary are of 32 bits.
      expect(point![1]).toBe(Math.fround(value as number));
    }
    const times = read.scalars['h1/weightNorm']!.map(([, , time]) => time);
    const { startedAt } = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'));
    const [first, second] = records.map(({ timing }) => (timing as { seconds: number }).seconds);
    expect(times[0]).toBeCloseTo(Date.parse(startedAt) / 1000 + first!, 3);
    expect(times[1]! - times[0]!).toBeCloseTo(second!, 3);
  });

  it('has a histogram of each parameter', () => {
    const { tensors } = readSafetensors(readFileSync(join(out, 'model.safetensors')), 'model');
    expect(Object.keys(read.histograms).sort()).toEqual([...tensors.keys()]);
    for (const [name, { values }] of tensors) {
      const numbers = Array.from(values as Float32Array);
      const [step, least, most, count, sum, squares, limits, counts] = read.histograms[name]!;
      expect([step, count]).toEqual([records.at(-1)!.updates, numbers.length]);
      expect([least, most]).toEqual([Math.min(...numbers), Math.max(...numbers)]);
      expect(sum).toBe(numbers.reduce((total, x) => total + x, 0));
      expect(squares).toBe(numbers.reduce((total, x) => total + x * x, 0));
      expect(limits.at(-1)).toBe(most);
      // Numbers at an end of a bucket may fall to either side of it by rounding; nothing else may move.
      let before = 0;
      for (const [bucket, limit] of limits.entries()) {
        before += counts[bucket]!;
        const slack = 1e-9 * (most - least);
        expect(before).toBeGreaterThanOrEqual(numbers.filter((x) => x < limit - slack).length);
        expect(before).toBeLessThanOrEqual(numbers.filter((x) => x <= limit + slack).length);
      }
    }
  });

  it('has the pictures', () => {
    const names = ['chains', 'filters', 'generated', 'reconstructions'];
    expect(Object.keys(read.images).sort()).toEqual(names);
    for (const name of names) {
      const png = readFileSync(join(out, `${name}.png`));
      const [, width, height, bytes] = read.images[name]!;
      expect([width, height]).toEqual([png.readUInt32BE(16), png.readUInt32BE(20)]);
      expect(bytes).toBe(png.toString('hex'));
    }
  });

  it('has checksums: the reader notices a bit that is turned anywhere', () => {
    const bytes = readFileSync(events);
    const path = join(folder, 'turned');
    const program = `
import sys
from tensorboard.compat.tensorflow_stub import errors
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
def count():
    reader, found = PyRecordReader_New(sys.argv[1]), 0
    try:
        while True:
            reader.GetNext()
            found += 1
    except errors.OutOfRangeError:
        return str(found)
    except errors.DataLossError as error:
        return error.message
print(count())`;
    expect(runPython(program, events).trim()).toBe(String(1 + records.length + 1));
    for (const place of [0, 9, 14, 30, bytes.length - 20, bytes.length - 1]) {
      const turned = Uint8Array.from(bytes);
      turned[place]! ^= 1;
      writeFileSync(path, turned);
      expect(runPython(program, path)).toMatch(/checksum|crc/i);
    }
  });
});
