/**
 * The relaxed artefacts, on this Node: where there is relaxed SIMD, one answer whatever the threads, as close to the strict one as
 * roundings allow; elsewhere a refusal. What they are never used for without being asked is in the golden digests.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  type BackpropagationOptions,
  backpropagation,
  bernoulli,
  type Engine,
  load,
  network,
  softmax,
} from 'wakesleep';

const COLUMNS = 70;
const rows = Array.from({ length: 60 }, (_, row) =>
  Array.from({ length: COLUMNS }, (_, unit) => ((row * 31 + unit * 17) % 23) / 22),
);
const labels = rows.map((_, row) => row % 5);
const options: BackpropagationOptions = { epochs: 4, batchRows: 20, learningRate: 0.5, momentum: 0.5 };

/** The weights of a small network after training; its layers are dense. */
function trained(engine: Engine): Float32Array[] {
  const graph = network({ visible: bernoulli(COLUMNS), hidden: [bernoulli(40), bernoulli(33)], label: softmax(5) });
  const model = engine.create(graph, { seed: 3, weightScale: 0.3 });
  const data = engine.dataset({ rows, labels, classes: 5 });
  for (const _ of model.train(data, backpropagation(options))) {
    // Only the weights count.
  }
  const weights = graph.connections.map(({ lower, upper }) => model.parameter(`${lower}>${upper}.weight`).values());
  engine.close();
  return weights;
}

const hasRelaxedSimd = Number(process.versions.node.split('.')[0]) >= 22;

test.each(['st', 'mt'])('only the relaxed form of %s needs relaxed SIMD', (name) => {
  const isValid = (file: string) => WebAssembly.validate(readFileSync(`dist/wasm/${file}.wasm`));
  expect(isValid(name)).toBe(true);
  expect(isValid(`${name}-relaxed`)).toBe(hasRelaxedSimd);
});

test('gives one answer with any number of threads, and close to that of the strict ones, or is refused', async () => {
  const ways = [
    { artefact: 'st-relaxed', threads: 1 },
    { artefact: 'mt-relaxed', threads: 1 },
    { artefact: 'mt-relaxed', threads: 2 },
    { artefact: 'mt-relaxed', threads: 3 },
  ] as const;
  if (!hasRelaxedSimd) {
    for (const way of ways) {
      const refused = load(way).catch((error) => error);
      expect(await refused).toMatchObject({
        code: 'ARTEFACT_UNAVAILABLE',
        message: expect.stringMatching(`^The artefact \`${way.artefact}\` cannot be had here: Node .* has no relaxed`),
      });
    }
    return;
  }
  const strict = await load({ threads: 1 });
  expect(strict.info.portable).toBe(true);
  const wanted = trained(strict);
  const found = [];
  for (const way of ways) {
    const engine = await load(way);
    expect(engine.info).toMatchObject({ ...way, portable: false });
    found.push(trained(engine));
  }
  for (const other of found.slice(1)) expect(other).toEqual(found[0]);
  const furthest = found[0]!.flatMap((weights, l) => Array.from(weights, (w, i) => Math.abs(w - wanted[l]![i]!)));
  expect(Math.max(...furthest)).toBeLessThan(1e-4);
});
