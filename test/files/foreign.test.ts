/**
 * Machines that other programs trained: scikit-learn's own free energies and means of its `BernoulliRBM`, and those of a PyTorch
 * module's tensors by numpy in f64, against ours on the same parameters.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  deepBeliefNet,
  type Engine,
  type ForeignNames,
  load,
  numpyArrays,
  rbm,
  readNpy,
  readNpz,
  scikitLearnNames,
  softmax,
  writeNpz,
} from 'wakesleep';
import { mayBeSkipped, runPython } from './python.js';
import { refusal } from './refusal.js';

let engine: Engine;
let folder: string;
beforeAll(async () => {
  engine = await load({ threads: 1 });
  folder = mkdtempSync(join(tmpdir(), 'wakesleep-'));
});
afterAll(() => {
  engine.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The largest difference relative to the exact number (or to 1e-3, where that is larger). */
function relative(found: ArrayLike<number>, exact: number[]): number {
  return exact.reduce((most, x, i) => Math.max(most, Math.abs(found[i]! - x) / Math.max(Math.abs(x), 1e-3)), 0);
}

interface Expected {
  rows: number[][];
  freeEnergies: number[];
  means: number[][];
}

describe.skipIf(mayBeSkipped)('from Python', () => {
  it("opens scikit-learn's BernoulliRBM, trained on its digits, from npz", () => {
    const path = join(folder, 'sklearn.npz');
    const program = `
import json, sys, numpy
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM
data = load_digits().data / 16
machine = BernoulliRBM(n_components=40, n_iter=5, random_state=1).fit(data)
numpy.savez(sys.argv[1], components_=machine.components_, intercept_hidden_=machine.intercept_hidden_,
            intercept_visible_=machine.intercept_visible_, h_samples_=machine.h_samples_)
rows = data[:50]
print(json.dumps({"rows": rows.tolist(), "freeEnergies": machine._free_energy(rows).tolist(),
                  "means": machine.transform(rows).tolist()}))`;
    const { rows, freeEnergies, means }: Expected = JSON.parse(runPython(program, path));
    const graph = rbm({ visible: bernoulli(64), hidden: bernoulli(40) });
    const arrays = readNpz(readFileSync(path));
    const model = engine.open(arrays, { graph, names: scikitLearnNames });
    const alone = engine.open(arrays);
    expect(alone.toBytes()).toEqual(model.toBytes());
    alone.free();
    expect(relative(model.freeEnergy(rows), freeEnergies)).toBeLessThan(1e-4);
    expect(relative(model.meanHidden(rows), means.flat())).toBeLessThan(1e-4);
    model.free();
  });

  it("opens a PyTorch module's safetensors, weights as [visible, hidden] in f64 or f32", () => {
    const path = join(folder, 'torch.safetensors');
    const program = `
import json, sys, numpy
from safetensors.numpy import save_file
random = numpy.random.default_rng(3)
W, v, h = random.normal(0, .5, (12, 7)), random.normal(0, 1, (1, 12)), random.normal(0, 1, 7)
kind = numpy.float64 if sys.argv[2] == "f64" else numpy.float32
tensors = {"rbm.W": W.astype(kind), "rbm.v_bias": v.astype(kind), "rbm.h_bias": h.astype(kind)}
save_file(tensors, sys.argv[1], metadata={"format": "pt"})
rows = random.integers(0, 2, (30, 12)).astype(float)
x = rows @ W + h
print(json.dumps({"rows": rows.tolist(), "freeEnergies": (-(rows @ v[0]) - numpy.logaddexp(0, x).sum(1)).tolist(),
                  "means": (1 / (1 + numpy.exp(-x))).tolist()}))`;
    const names = {
      'visible-hidden.weight': { name: 'rbm.W', transposed: true },
      'layers.visible.bias': 'rbm.v_bias',
      'hidden.bias': 'rbm.h_bias',
    };
    for (const kind of ['f64', 'f32']) {
      const { rows, freeEnergies, means }: Expected = JSON.parse(runPython(program, path, kind));
      const graph = rbm({ visible: bernoulli(12), hidden: bernoulli(7) });
      const model = engine.open(readFileSync(path), { graph, names });
      expect(relative(model.freeEnergy(rows), freeEnergies)).toBeLessThan(1e-4);
      expect(relative(model.meanHidden(rows), means.flat())).toBeLessThan(1e-4);
      model.free();
    }
  });

  it("reads numpy's arrays of every type and order", () => {
    const path = join(folder, 'types.npz');
    const program = `
import sys, numpy
a = numpy.arange(6).reshape(2, 3)
numpy.savez_compressed(sys.argv[1], f4=a.astype("<f4"), f8=a.astype(">f8"), i8=a.astype("<i8"), u1=a.astype("u1"),
                       b1=a > 2, columns=numpy.asfortranarray(a.astype("f4")), scalar=numpy.float32(5), c8=a.astype("c8"))`;
    runPython(program.replace(', c8=a.astype("c8")', ''), path);
    const arrays = readNpz(readFileSync(path), path);
    for (const name of ['f4', 'f8', 'i8', 'u1', 'columns']) {
      expect(arrays.get(name)).toEqual({ shape: [2, 3], values: Float32Array.of(0, 1, 2, 3, 4, 5) });
    }
    expect(arrays.get('b1')!.values).toEqual(Float32Array.of(0, 0, 0, 1, 1, 1));
    expect(arrays.get('scalar')).toEqual({ shape: [], values: Float32Array.of(5) });
    runPython(program, path);
    expect(refusal(() => readNpz(readFileSync(path), 'x.npz'))).toMatch(
      /^FILE_CORRUPT: x\.npz: c8\.npy cannot be used: its numbers are of type <c8, and <f2, <f4, /,
    );
  });

  it("writes and reads again what scikit-learn's BernoulliRBM is made of, by its own names", () => {
    const path = join(folder, 'ours.npz');
    const model = engine.create(rbm({ visible: bernoulli(20), hidden: bernoulli(8) }), { seed: 5, weightScale: 0.5 });
    model.parameter('hidden.bias').set(Array.from({ length: 8 }, (_, unit) => unit / 4 - 1));
    model.parameter('visible.bias').set(Array.from({ length: 20 }, (_, unit) => unit / 10 - 1));
    writeFileSync(path, writeNpz(numpyArrays(model)));
    const program = `
import json, sys, numpy
from sklearn.neural_network import BernoulliRBM
arrays = numpy.load(sys.argv[1])
machine = BernoulliRBM(n_components=8)
for name in arrays.files:
    setattr(machine, name, arrays[name])
rows = numpy.random.default_rng(2).integers(0, 2, (30, 20)).astype(float)
print(json.dumps({"names": sorted(arrays.files), "rows": rows.tolist(),
                  "freeEnergies": machine._free_energy(rows).tolist(), "means": machine.transform(rows).tolist()}))`;
    const found: Expected & { names: string[] } = JSON.parse(runPython(program, path));
    expect(found.names).toEqual(['components_', 'intercept_hidden_', 'intercept_visible_']);
    expect(relative(model.freeEnergy(found.rows), found.freeEnergies)).toBeLessThan(1e-4);
    expect(relative(model.meanHidden(found.rows), found.means.flat())).toBeLessThan(1e-4);

    const again = engine.open(readNpz(readFileSync(path)), { seed: 5 });
    expect(again.toBytes()).toEqual(model.toBytes());
    model.free();
    again.free();
  });

  it('writes every other model by its own names, equal models as equal bytes', () => {
    const path = join(folder, 'net.npz');
    const graph = deepBeliefNet({
      visible: bernoulli(6),
      hidden: [bernoulli(5)],
      label: softmax(3),
      top: bernoulli(4),
    });
    const model = engine.create(graph, { seed: 5 });
    const bytes = writeNpz(numpyArrays(model));
    writeFileSync(path, bytes);
    const program = `
import json, sys, numpy
arrays = numpy.load(sys.argv[1])
print(json.dumps({name: [str(arrays[name].dtype), arrays[name].ravel().tolist(), arrays[name].shape] for name in arrays.files}))`;
    const found: Record<string, [string, number[], number[]]> = JSON.parse(runPython(program, path));
    expect(Object.keys(found)).toEqual(model.parameterSpecs.map(({ name }) => name));
    for (const { name, shape } of model.parameterSpecs) {
      expect(found[name]).toEqual(['float32', [...model.parameter(name).values()], shape]);
    }
    const again = engine.open(readNpz(bytes), { graph, seed: 5 });
    expect(again.toBytes()).toEqual(model.toBytes());
    expect(writeNpz(numpyArrays(again))).toEqual(bytes);
    expect(refusal(() => engine.open(readNpz(bytes)))).toMatch(/^OPTION_INVALID: /);
    model.free();
    again.free();
  });

  it("opens in Python's safetensors as the guide says for PyTorch", () => {
    const guide = readFileSync(new URL('../../ts/guides/files.md', import.meta.url), 'utf8');
    const snippet = /```py\n([\s\S]*?)```/.exec(guide)![1]!;
    const path = join(folder, 'model.safetensors');
    const model = engine.create(rbm({ visible: bernoulli(12), hidden: bernoulli(7) }), { seed: 2, weightScale: 0.5 });
    writeFileSync(path, model.toBytes());
    // PyTorch is large, so NumPy stands in for the few of its functions that the snippet has.
    const program = `
import json, os, sys, types, numpy
from safetensors.numpy import load_file
torch = types.ModuleType("torch")
torch.sigmoid = lambda x: 1 / (1 + numpy.exp(-x))
torch.nn = types.ModuleType("torch.nn")
torch.nn.functional = types.ModuleType("torch.nn.functional")
torch.nn.functional.linear = lambda x, weight, bias: x @ weight.T + bias
safetensors_torch = types.ModuleType("safetensors.torch")
safetensors_torch.load_file = load_file
sys.modules.update({"torch": torch, "torch.nn": torch.nn, "torch.nn.functional": torch.nn.functional,
                    "safetensors.torch": safetensors_torch})
os.chdir(sys.argv[1])
rows = numpy.random.default_rng(2).integers(0, 2, (30, 12)).astype("float32")
exec(sys.argv[2])
print(json.dumps({"rows": rows.tolist(), "means": hidden.tolist(), "back": reconstruction.tolist()}))`;
    const found = JSON.parse(runPython(program, folder, snippet));
    expect(relative(model.meanHidden(found.rows), found.means.flat())).toBeLessThan(1e-4);
    expect(relative(model.reconstruct(found.rows), found.back.flat())).toBeLessThan(1e-4);
    model.free();
  });

  it('keeps sides of 1 that the graph has', () => {
    const graph = rbm({ visible: bernoulli(3), hidden: bernoulli(1) });
    const tensors = new Map([
      ['W', { shape: [3, 1], values: [1, 2, 3] }],
      ['b', { shape: [1, 3], values: [4, 5, 6] }],
      ['c', { shape: [1], values: [7] }],
    ]);
    const names = { 'visible-hidden.weight': { name: 'W', transposed: true }, 'visible.bias': 'b', 'hidden.bias': 'c' };
    const model = engine.open(tensors, { graph, names });
    expect([...model.parameter('visible-hidden.weight').values()]).toEqual([1, 2, 3]);
    expect([...model.parameter('visible.bias').values()]).toEqual([4, 5, 6]);
    model.free();
  });

  it('refuses what does not fit, and damage', () => {
    const path = join(folder, 'small.npz');
    const program = `
import sys, numpy
numpy.savez(sys.argv[1], W=numpy.zeros((3, 2)), b=numpy.zeros(3), c=numpy.zeros(2))`;
    runPython(program, path);
    const bytes = readFileSync(path);
    const graph = rbm({ visible: bernoulli(3), hidden: bernoulli(2) });
    const open = (names: ForeignNames, given: Uint8Array = bytes) =>
      refusal(() => engine.open(readNpz(given), { graph, names }));
    const right = {
      'visible-hidden.weight': { name: 'W', transposed: true },
      'visible.bias': 'b',
      'hidden.bias': 'c',
    };
    expect(open(right)).toBe('nothing was thrown');
    expect(open({ ...right, 'visible-hidden.weight': 'W' })).toBe(
      'SHAPE_MISMATCH: The tensor `W` has shape [3, 2]; `connections.visible-hidden.weight` wants [2, 3]; give { name, transposed: true }.',
    );
    expect(open({ ...right, 'hidden.bias': 'd' })).toMatch(/^SHAPE_MISMATCH: The file has no tensor `d`; /);
    expect(open({ 'hidden.bias': 'c' })).toBe(
      'OPTION_INVALID: `names` does not say what the file calls `layers.visible.bias`; it holds W, b, c.',
    );
    expect(open({ ...right, nothing: 'c' })).toMatch(/^OPTION_INVALID: The graph has no parameter `nothing`; it has /);
    expect(open(right, bytes.subarray(0, bytes.length - 30))).toMatch(/^FILE_CORRUPT: /);
    expect(refusal(() => engine.open(readNpz(bytes), { names: right }))).toMatch(/^OPTION_INVALID: /);
    expect(refusal(() => engine.open(bytes, { graph, names: right }))).toBe(
      'OPTION_INVALID: This is a zip archive; pass what `readNpz(bytes)` makes of it.',
    );
    expect(refusal(() => readNpy(Uint8Array.of(1, 2, 3), 'x'))).toBe(
      'FILE_CORRUPT: x cannot be used: it does not begin as a NumPy array.',
    );
    // Every way to cut an archive short is an error, never a wrong array.
    for (let length = 0; length < bytes.length; length += 7) {
      expect(refusal(() => readNpz(bytes.subarray(0, length), 'x'))).toMatch(/^FILE_CORRUPT: /);
    }
  });
});
