/** What a cold start prints, whoever starts: milliseconds of its parts, and how many rows a second it classifies from then on. */

export const columns = 784;

/** The row that is classified first. */
export const row = Float32Array.from({ length: columns }, (_, unit) => (unit % 7) / 7);

const SECONDS = 1;

/** `marks`: before the import, after it, after the engine has started, the model is open, and the first row is classified. */
export async function report(marks, label, classify) {
  const [importMs, loadMs, openMs, classifyMs] = marks.slice(1).map((time, place) => time - marks[place]);
  const rowsPerSecond = await rate(classify, 1);
  const rowsPerSecondOf100 = await rate(classify, 100);
  const times = { importMs, loadMs, openMs, classifyMs, totalMs: marks.at(-1) };
  console.log(JSON.stringify({ ...times, rowsPerSecond, rowsPerSecondOf100, label }));
}

/** Rows a second in calls of so many rows. */
async function rate(classify, count) {
  const rows = new Float32Array(count * columns);
  for (let place = 0; place < count; place += 1) rows.set(row, place * columns);
  const start = performance.now();
  let done = 0;
  while (performance.now() - start < 1000 * SECONDS) {
    await classify(rows, count);
    done += count;
  }
  return done / ((performance.now() - start) / 1000);
}
