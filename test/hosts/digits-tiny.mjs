/**
 * Trains the recipe `digits-tiny` on whatever host this runs on and gives the model's bytes. `base` is the URL of dist/.
 * No host's names are used here, and only modules that need no resolution of package names.
 */
export async function trainDigitsTiny(base, loadOptions) {
  const from = (path) => import(new URL(path, base).href);
  const [{ load }, { deepBeliefNet }, { digitsTiny: recipe }, { digitsTiny }, { readAlgorithm }] = await Promise.all([
    from('engine.js'),
    from('graph/constructors.js'),
    from('recipes/digits-tiny.js'),
    from('data/digits-tiny.js'),
    from('learn/algorithm.js'),
  ]);
  const { seed, model, train } = recipe.configuration;
  const { type: _, ...graph } = model;
  const engine = await load(loadOptions);
  const { images, labels, rows } = digitsTiny('train');
  const options = { columns: images.length / rows, scale: 1 / 255, labels, classes: model.label.size };
  const data = engine.dataset({ rows: images, ...options });
  const net = engine.create(deepBeliefNet(graph), { seed });
  for await (const _record of net.train(data, readAlgorithm(train[0]))) {
    // Only the model counts.
  }
  const bytes = net.toBytes();
  const { info } = engine;
  engine.close();
  return { bytes, info };
}
