import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNpy, readNpz, writeNpy } from 'wakesleep';
import { mayBeSkipped, runPython } from './python.js';
import { refusal } from './refusal.js';

describe.skipIf(mayBeSkipped)('arrays of NumPy', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['i1', 'u1', 'i2', 'u2', 'i4', 'u4', 'i8', 'f2', 'f4', 'f8'])('of type %s come as f32', (type) => {
    const program = `
import sys, json, numpy
kind = numpy.dtype(sys.argv[2])
if kind.kind == 'f':
    values = numpy.array([0.0, -0.0, 1.0, -1.5, 65504.0, 6e-8, 6.1e-5, 0.1, numpy.inf, -numpy.inf, numpy.nan], kind)
else:
    values = numpy.array([0, 1, numpy.iinfo(kind).min, numpy.iinfo(kind).max], kind)
numpy.save(f'{sys.argv[1]}/typed.npy', values)
values.astype('<f4').tofile(f'{sys.argv[1]}/typed.f4')`;
    runPython(program, folder, type);
    const { buffer, byteOffset, length } = Uint8Array.from(readFileSync(join(folder, 'typed.f4')));
    const wanted = new Float32Array(buffer, byteOffset, length / 4);
    expect(readNpy(readFileSync(join(folder, 'typed.npy')))).toEqual({ shape: [wanted.length], values: wanted });
  });

  it.each(['C', 'F'])('of two and three dimensions in the order of %s come row-major', (order) => {
    const program = `
import sys, numpy
for rank in (2, 3):
    numpy.save(f'{sys.argv[1]}/{rank}.npy', numpy.asarray(numpy.arange(24.0).reshape((4, 6) if rank == 2 else (2, 3, 4)), order=sys.argv[2]))`;
    runPython(program, folder, order);
    const values = Float32Array.from({ length: 24 }, (_, place) => place);
    expect(readNpy(readFileSync(join(folder, '2.npy')))).toEqual({ shape: [4, 6], values });
    expect(readNpy(readFileSync(join(folder, '3.npy')))).toEqual({ shape: [2, 3, 4], values });
  });
});

describe('an archive of arrays that claims more than it holds is refused', () => {
  const archive = zipSync({ 'w.npy': writeNpy(new Float32Array(4096), [4096]) });
  const central = archive.length - 22 - 46 - 'w.npy'.length;
  const forged = (at: number, value: number) => {
    const copy = Uint8Array.from(archive);
    new DataView(copy.buffer).setUint32(central + at, value, true);
    return copy;
  };

  it('before anything is allocated', () => {
    expect(readNpz(archive).get('w')?.shape).toEqual([4096]);
    const size = new DataView(archive.buffer).getUint32(central + 20, true);
    expect(refusal(() => readNpz(forged(24, 0xfffffff0)))).toBe(
      `FILE_CORRUPT: The archive cannot be used: w.npy claims 4294967280 bytes, more than its ${size} compressed bytes can hold.`,
    );
    expect(refusal(() => readNpz(forged(20, 0xfffffff0)))).toBe(
      `FILE_CORRUPT: The archive cannot be used: its files take more than the ${archive.length} bytes of it.`,
    );
  });
});
