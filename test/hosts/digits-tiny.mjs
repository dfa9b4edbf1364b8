/**
 * Trains the recipe `digits-tiny` on whatever host this runs on and gives the model's bytes. `base` is the URL of dist/, `door`
 * the way to the engine: both have the same names, and what is no promise can be awaited as well. No host's names are used
 * here, and (but for the door `loadInWorker`) only modules that need no resolution of package names.
 */
export async function trainDigitsTiny(base, loadOptions, door = 'load') {
  const from = (path) => import(new URL(path, base).href);
  const [{ [door]: open }, { deepBeliefNet }, { digitsTiny: recipe }, { digitsTiny }, { readAlgorithm }] =
    await Promise.all([
      from(door === 'load' ? 'engine.js' : 'remote/load-in-worker.js'),
      from('graph/constructors.js'),
      from('recipes/digits-tiny.js'),
      from('data/digits-tiny.js'),
      from('learn/algorithm.js'),
    ]);
  const { seed, model, train } = recipe.configuration;
  const { type: _, ...graph } = model;
  const engine = await open(loadOptions);
  const { images, labels, rows } = digitsTiny('train');
  const options = { columns: images.length / rows, scale: 1 / 255, labels, classes: model.label.size };
  const data = await engine.dataset({ rows: images, ...options });
  const net = await engine.create(deepBeliefNet(graph), { seed });
  for await (const _record of await net.train(data, readAlgorithm(train[0]))) {
    // Only the model counts.
  }
  const bytes = await net.toBytes();
  const info = await engine.info;
  await engine.close();
  return { bytes, info };
}
