/** What a machine answers to rows: the numbers themselves, which must be the same bits on every host. */
export function answers(engine, bytes) {
  const model = engine.open(bytes);
  const [columns] = model.parameter('visible.bias').shape;
  const rows = Array.from({ length: 20 }, (_, row) =>
    Array.from({ length: columns }, (_, unit) => Number((row * 7 + unit * 5) % 11 < 4)),
  );
  return {
    nats: Array.from(model.freeEnergy(rows)),
    hidden: Array.from(model.meanHidden(rows)),
    drawn: Array.from(model.sample({ rows: 4, sweeps: 20, seed: 3 })),
    logZ: model.logPartition(),
  };
}
