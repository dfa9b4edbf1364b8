/** `wakesleep convert`: files of other kinds, whole or not at all, and what is refused. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  type Engine,
  load,
  type Model,
  numpyArrays,
  rbm,
  sigmoidBeliefNet,
  writeNpz,
  writeOnnx,
} from 'wakesleep';
import { namesIn, sha256Of, smallConfiguration, temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
let engine: Engine;
let machine: Model;
beforeAll(async () => {
  engine = await load({ threads: 1 });
  machine = engine.create(rbm({ visible: bernoulli(6), hidden: bernoulli(4) }), { seed: 3 });
  writeFileSync(path('machine.safetensors'), machine.toBytes());
  const net = engine.create(sigmoidBeliefNet({ visible: bernoulli(6), hidden: [bernoulli(4)] }), { seed: 3 });
  writeFileSync(path('net.safetensors'), net.toBytes());
});
afterAll(() => engine.close());

const convert = (...args: string[]) => wakesleep(['convert', ...args, '--threads', '1'], { cwd: folder });

describe('convert', () => {
  it('writes what the package writes, and says so', async () => {
    const onnx = await convert('machine.safetensors', '--to', 'onnx', '--out', 'machine.onnx');
    const sha256 = sha256Of(path('machine.onnx'));
    const bytes = readFileSync(path('machine.onnx'));
    expect(Uint8Array.from(bytes)).toEqual(writeOnnx(machine));
    expect(onnx).toMatchObject({
      status: 0,
      stderr: '',
      stdout: `machine.safetensors is in machine.onnx: ${bytes.length} bytes, SHA-256 ${sha256}.\n`,
    });
    const npz = await convert('machine.safetensors', '--to', 'npz', '--out', 'machine.npz', '--json');
    const written = readFileSync(path('machine.npz'));
    expect(Uint8Array.from(written)).toEqual(writeNpz(numpyArrays(machine)));
    expect(JSON.parse(npz.stdout)).toEqual({
      type: 'converted',
      model: 'machine.safetensors',
      to: 'npz',
      out: 'machine.npz',
      bytes: written.length,
      sha256: sha256Of(path('machine.npz')),
    });
  });

  it('takes the way down, and names a layer', async () => {
    const args = ['machine.safetensors', '--to', 'onnx', '--out', 'down.onnx', '--pass', 'down'];
    expect((await convert(...args)).status).toBe(0);
    expect(Uint8Array.from(readFileSync(path('down.onnx')))).toEqual(writeOnnx(machine, { pass: 'down' }));
    const layer = await convert('machine.safetensors', '--to', 'onnx', '--out', 'x.onnx', '--layer', 'hiden');
    expect(layer).toMatchObject({
      status: 2,
      stderr: '`layer` must be "hidden"; got "hiden". Did you mean "hidden"?\n',
    });
  });

  it("opens scikit-learn's archive, and every command does", async () => {
    writeFileSync(path('scikit-learn.npz'), writeNpz(numpyArrays(machine)));
    const args = ['scikit-learn.npz', '--to', 'safetensors', '--out', 'from-npz.safetensors'];
    expect((await convert(...args)).status).toBe(0);
    const opened = engine.open(readFileSync(path('from-npz.safetensors')), { seed: 3 });
    expect(opened.toBytes()).toEqual(machine.toBytes());
    const shown = await wakesleep(['show', path('scikit-learn.npz'), '--threads', '1']);
    expect(shown.stdout).toMatch(/^connections\.visible-hidden\.weight +4 × 6 /m);
    writeFileSync(path('other.npz'), writeNpz(new Map([['a', { shape: [1], values: Float32Array.of(1) }]])));
    const other = await wakesleep(['show', path('other.npz'), '--threads', '1']);
    expect(other).toMatchObject({ status: 1, stdout: '' });
    expect(other.stderr).toContain('other.npz does not say what graph it belongs to');
  });

  it("leaves a checkpoint's state out", async () => {
    const out = path('run');
    expect((await wakesleep(['train', smallConfiguration(folder), '--out', out])).status).toBe(0);
    const args = [join(out, 'checkpoint.safetensors'), '--to', 'safetensors', '--out', 'again.safetensors'];
    expect((await convert(...args)).status).toBe(0);
    expect(sha256Of(path('again.safetensors'))).toBe(sha256Of(join(out, 'model.safetensors')));
  });

  it.each([
    [
      ['machine.safetensors', '--to', 'onx', '--out', 'x'],
      '`--to` must be "onnx", "npz" or "safetensors"; got "onx". Did you mean "onnx"?',
    ],
    [['machine.safetensors', '--out', 'x'], "Required option '--to <onnx|npz|safetensors>' not specified."],
    [['machine.safetensors', '--to', 'npz'], "Required option '--out <file>' not specified."],
    [
      ['machine.safetensors', '--to', 'npz', '--out', 'x', '--pass', 'up'],
      '`--pass` says which pass an ONNX file is to hold; a file of kind npz holds all parameters.',
    ],
    [
      ['machine.safetensors', '--to', 'onnx', '--out', 'x', '--pass', 'side'],
      '`pass` must be "up" or "down"; got "side".',
    ],
    [
      ['machine.safetensors', '--to', 'npz', '--out', 'machine.safetensors'],
      'machine.safetensors is there already; give another file with `--out`.',
    ],
  ])('refuses %j as bad usage', async (args, words) => {
    const before = sha256Of(path('machine.safetensors'));
    expect(await convert(...args)).toEqual({ status: 2, signal: null, stdout: '', stderr: `${words}\n` });
    expect(existsSync(path('x'))).toBe(false);
    expect(sha256Of(path('machine.safetensors'))).toBe(before);
  });

  it('fails in words where there is no such pass, no such file, or no room to write', async () => {
    const net = await convert('net.safetensors', '--to', 'onnx', '--out', 'x');
    expect(net).toMatchObject({ status: 1, stdout: '' });
    expect(net.stderr).toMatch(/^The topmost connection `h1>visible` must be undirected; it is directed\.\n$/);
    const none = await convert('nothing.safetensors', '--to', 'npz', '--out', 'x');
    expect(none).toMatchObject({ status: 1, stderr: 'nothing.safetensors cannot be read: there is no such file.\n' });
    const full = ['convert', 'machine.safetensors', '--to', 'npz', '--out', 'x', '--threads', '1'];
    for (const operation of [2, 3, 5]) {
      const fault = `ENOSPC:${operation}`;
      const ended = await wakesleep(full, { cwd: folder, fault });
      expect(ended.status).toBe(1);
      expect(ended.stderr).toMatch(
        /x could not be written: the disk is full\. No file of that name was left there\.\n$/,
      );
    }
    expect(namesIn(folder).filter((name) => name.startsWith('x') || name.endsWith('.tmp'))).toEqual([]);
    mkdirSync(path('x'));
    expect((await convert('machine.safetensors', '--to', 'npz', '--out', 'x')).status).toBe(2);
  });
});
