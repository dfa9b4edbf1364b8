/** The picture of a graph: a whole SVG document that shows every layer, and every connection as its kind is shown. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  bernoulli,
  boltzmannMachine,
  deepBeliefNet,
  deepBoltzmannMachine,
  type Engine,
  type Graph,
  gaussian,
  load,
  rbm,
  readGraph,
  sigmoidBeliefNet,
  softmax,
} from 'wakesleep';
import { graphPicture } from '../../dist/cli/graph-picture.js';
import { namesIn, temporaryFolder, wakesleep } from './command.js';

const layer = (name: string) => ({ name, units: bernoulli(2) });
const joined = (kind: 'undirected' | 'directed', lower: string, upper: string) => ({ kind, lower, upper });

const graphs: Readonly<Record<string, Graph>> = {
  rbm: rbm({ visible: gaussian(36), hidden: bernoulli(4) }),
  'belief net with labels': deepBeliefNet({
    visible: bernoulli(16),
    hidden: [bernoulli(8), bernoulli(8)],
    label: softmax(10),
    top: bernoulli(20),
  }),
  'sigmoid belief net': sigmoidBeliefNet({ visible: bernoulli(16), hidden: [bernoulli(8), bernoulli(4)] }),
  'deep Boltzmann machine': deepBoltzmannMachine({ visible: bernoulli(16), hidden: [bernoulli(8), bernoulli(4)] }),
  'Boltzmann machine': boltzmannMachine({ visible: bernoulli(4), hidden: bernoulli(3) }),
  'listed pairs': boltzmannMachine({
    visible: bernoulli(4),
    edges: [
      [0, 1],
      [1, 2],
    ],
  }),
  'connection past a layer': readGraph('graph', {
    layers: [layer('visible'), layer('h1'), layer('h2'), layer('h3')],
    connections: [
      joined('directed', 'visible', 'h1'),
      joined('directed', 'h1', 'h2'),
      joined('directed', 'h2', 'h3'),
      joined('directed', 'visible', 'h3'),
    ],
  }),
  'undirected circle': readGraph('graph', {
    layers: [layer('visible'), layer('b'), layer('c')],
    connections: [
      joined('undirected', 'visible', 'b'),
      joined('undirected', 'b', 'c'),
      joined('undirected', 'c', 'visible'),
    ],
  }),
  'two causes of one effect': readGraph('graph', {
    layers: [layer('visible'), layer('a'), layer('b')],
    connections: [joined('directed', 'visible', 'a'), joined('directed', 'visible', 'b')],
  }),
  'unjoined layers': readGraph('graph', { layers: [layer('visible'), layer('b')], connections: [] }),
};

/** The elements of a document with their attributes and text; throws where it is not well-formed. */
function elementsOf(
  svg: string,
): { readonly name: string; readonly attributes: Record<string, string>; text: string }[] {
  const open: { name: string; attributes: Record<string, string>; text: string }[] = [];
  const all: typeof open = [];
  let rest = svg.trim();
  while (rest.length > 0) {
    const words = /^[^<>&]+|^&(?:amp|lt|gt|quot|#39);/.exec(rest)?.[0];
    if (words !== undefined) {
      if (open.length === 0) throw new Error(`Text outside of the document: ${words}`);
      open.at(-1)!.text += words;
      rest = rest.slice(words.length);
      continue;
    }
    const tag = /^<(\/?)([a-zA-Z]+)((?:\s+[a-zA-Z-]+(?::[a-z]+)?="[^"<&]*")*)\s*(\/?)>/.exec(rest);
    if (tag === null) throw new Error(`Not well-formed: ${rest.slice(0, 60)}`);
    rest = rest.slice(tag[0].length);
    const [, closes, name, given, empty] = tag as unknown as [string, string, string, string, string];
    if (closes === '/') {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes another element.`);
      continue;
    }
    if (open.length === 0 && all.length > 0) throw new Error('There are two roots.');
    const attributes = Object.fromEntries(
      Array.from(given.matchAll(/([a-zA-Z-]+)="([^"]*)"/g), ([, key, value]) => [key, value]),
    );
    const element = { name, attributes, text: '' };
    all.push(element);
    if (empty === '') open.push(element);
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)!.name}> is not closed.`);
  return all;
}

describe('the picture of a graph', () => {
  it.each(Object.entries(graphs))('is well-formed and inside its frame: %s', (_, graph) => {
    const elements = elementsOf(graphPicture(graph));
    const [root] = elements;
    const [width, height] = [Number(root!.attributes.width), Number(root!.attributes.height)];
    const boxes = elements.filter(({ name, attributes }) => name === 'rect' && attributes.rx !== undefined);
    expect(boxes).toHaveLength(graph.layers.length);
    const frames = boxes.map(({ attributes: { x, y, width: w, height: h } }) => [x, y, w, h].map(Number));
    for (const [x, y, w, h] of frames as [number, number, number, number][]) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(x + w).toBeLessThanOrEqual(width);
      expect(y + h).toBeLessThanOrEqual(height);
      const over = frames.filter(([x2, y2, w2]) => y2 === y && x2! < x + w && x < x2! + w2!);
      expect(over).toHaveLength(1);
    }
    const texts = elements.filter(({ name }) => name === 'text').map(({ text }) => text);
    for (const { name } of graph.layers) expect(texts).toContain(name);
    for (const { attributes } of elements)
      for (const value of Object.values(attributes)) expect(value).not.toMatch(/NaN|Infinity|undefined/);
  });

  it.each([
    ['rbm', { lines: 1, arrows: 0, dashed: 0, loops: 0 }],
    // Two tied connections, up and down each, and two undirected ones.
    ['belief net with labels', { lines: 2, arrows: 4, dashed: 2, loops: 0 }],
    ['sigmoid belief net', { lines: 0, arrows: 4, dashed: 2, loops: 0 }],
    ['deep Boltzmann machine', { lines: 2, arrows: 0, dashed: 0, loops: 0 }],
    ['Boltzmann machine', { lines: 1, arrows: 0, dashed: 0, loops: 2 }],
    ['listed pairs', { lines: 0, arrows: 0, dashed: 0, loops: 1 }],
  ])('shows connections as they are: %s', (name, wanted) => {
    const paths = elementsOf(graphPicture(graphs[name]!)).filter(
      ({ attributes }) => attributes['stroke-width'] === '1.5',
    );
    const has = (key: string) => paths.filter(({ attributes }) => attributes[key] !== undefined).length;
    const loops = paths.filter(({ attributes }) => attributes.d!.includes('C')).length;
    const found = { arrows: has('marker-end'), dashed: has('stroke-dasharray'), loops };
    expect({ lines: paths.length - found.arrows - loops, ...found }).toEqual(wanted);
  });

  it('stacks layers from the visible one up, labels beside the layer below the top', () => {
    const elements = elementsOf(graphPicture(graphs['belief net with labels']!));
    const height = (layerName: string) => Number(elements.find(({ text }) => text === layerName)!.attributes.y);
    const order = ['visible', 'h1', 'h2', 'h3'].map(height);
    expect(order).toEqual([...order].sort((a, b) => b - a));
    expect(height('label')).toBe(height('h2'));
  });

  it('points arrows from the cause down, and recognition up', () => {
    const paths = elementsOf(graphPicture(graphs['sigmoid belief net']!)).filter(
      ({ attributes }) => 'marker-end' in attributes,
    );
    for (const { attributes } of paths) {
      const [, from, to] = /^M\S+ (\S+)L\S+ (\S+)$/.exec(attributes.d!)!;
      if ('stroke-dasharray' in attributes) expect(Number(to)).toBeLessThan(Number(from));
      else expect(Number(to)).toBeGreaterThan(Number(from));
    }
  });
});

describe('wakesleep show', () => {
  const folder = temporaryFolder();
  let engine: Engine;
  beforeAll(async () => {
    engine = await load({ threads: 1 });
  });
  afterAll(() => engine.close());

  const saved = (name: string, graph: Graph) => {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `${name}.safetensors`);
    writeFileSync(path, engine.create(graph, { seed: 1 }).toBytes());
    return path;
  };

  it('draws filters and a graph that is no stack', async () => {
    const out = join(folder, 'out-sbn');
    const { status, stdout } = await wakesleep(['show', saved('sbn', graphs['sigmoid belief net']!), '--out', out]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^visible {4}16 binary units$/m);
    expect(stdout).toMatch(/^h1>visible directed {4}16 × 8$/m);
    expect(stdout).toMatch(/^visible>h1 recognition 16 × 8$/m);
    expect(namesIn(out)).toEqual(expect.arrayContaining(['filters.png', 'graph.svg']));
  });

  it('says what it does not draw', async () => {
    const out = join(folder, 'out-pairs');
    const { status, stderr } = await wakesleep(['show', saved('pairs', graphs['listed pairs']!), '--out', out]);
    expect({ status, names: namesIn(out).includes('graph.svg') }).toEqual({ status: 0, names: true });
    expect(stderr).toContain('There is no filters.png: No hidden layer is joined to every unit of the layer `visible`');
    const odd = saved('odd', rbm({ visible: bernoulli(7), hidden: bernoulli(2) }));
    const other = join(folder, 'out-odd');
    const shown = await wakesleep(['show', odd, '--out', other]);
    expect(shown.status).toBe(0);
    expect(shown.stderr).toBe(
      'Only the graph is drawn: 7 visible units are not a square picture; give `--width`, or a file that ends in .npy.\n',
    );
    expect(namesIn(other)).toEqual(['graph.svg']);
    expect((await wakesleep(['show', odd, '--out', other, '--width', '3'])).status).toBe(2);
  });
});
