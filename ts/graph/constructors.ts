/** Constructors of graphs: names for structures that have one. */
import { WakesleepError } from '../errors.js';
import { describeValue, refuseUnknown } from '../options.js';
import { readUnits, type Units } from '../units/index.js';
import { type Connection, type Graph, type Layer, readGraph } from './graph.js';

/**
 * A restricted Boltzmann machine (Smolensky 1986): layers `visible` and `hidden`, joined by one undirected connection.
 * `E(v, h) = −b·v − c·h − Σ v_i W_ij h_j`.
 */
export function rbm(options: { readonly visible: Units; readonly hidden: Units }): Graph {
  refuseUnknown('rbm()', options, ['visible', 'hidden']);
  return readGraph('rbm()', {
    layers: [
      { name: 'visible', units: readUnits('rbm().visible', options.visible) },
      { name: 'hidden', units: readUnits('rbm().hidden', options.hidden) },
    ],
    connections: [{ kind: 'undirected', lower: 'visible', upper: 'hidden' }],
  });
}

/**
 * A deep belief net (Hinton, Osindero and Teh 2006): layers `visible`, `h1`, `h2`, ... joined by tied connections, the
 * two topmost by an undirected one. With `top`, that layer stands above the hidden ones; with `label`, the topmost
 * layer is joined to the labels too, and models them together with the layer below it.
 */
export function deepBeliefNet(options: {
  readonly visible: Units;
  readonly hidden: readonly Units[];
  readonly label?: Units;
  readonly top?: Units;
}): Graph {
  refuseUnknown('deepBeliefNet()', options, ['visible', 'hidden', 'label', 'top']);
  if (!Array.isArray(options.hidden)) {
    const wanted = 'a list of units, lowest layer first';
    throw new WakesleepError('OPTION_INVALID', `\`hidden\` must be ${wanted}; got ${describeValue(options.hidden)}.`, {
      given: options.hidden,
      wanted,
      where: 'deepBeliefNet().hidden',
    });
  }
  const above = options.top === undefined ? options.hidden : [...options.hidden, options.top];
  if (above.length === 0) {
    throw new WakesleepError(
      'OPTION_INVALID',
      '`hidden` must have at least one layer where there is no `top`; got none.',
      {
        given: options.hidden,
        where: 'deepBeliefNet().hidden',
      },
    );
  }
  const names = ['visible', ...above.map((_, index) => `h${index + 1}`)];
  const layers: Layer[] = [options.visible, ...above].map((units, index) => ({
    name: names[index]!,
    units: readUnits(`deepBeliefNet().${names[index]}`, units),
  }));
  const connections: Connection[] = above.map((_, index) => ({
    kind: index === above.length - 1 ? 'undirected' : 'tied',
    lower: names[index]!,
    upper: names[index + 1]!,
  }));
  if (options.label !== undefined) {
    layers.push({ name: 'label', units: readUnits('deepBeliefNet().label', options.label) });
    connections.push({ kind: 'undirected', lower: 'label', upper: names.at(-1)! });
  }
  return readGraph('deepBeliefNet()', { layers, connections });
}
