/** `wakesleep classify`: the class of every row by free energy over the labels, and the error rate where labels are known. */
import { load } from '../engine.js';
import { loadRows } from './data.js';
import { type EngineOptions, engineOptions } from './engine-options.js';
import { openModel } from './model-source.js';
import { exitStatus, type Output, withThousands } from './output.js';

/** What the command line gives. */
export interface ClassifyArguments extends EngineOptions {
  readonly labels?: string;
  readonly data?: string;
}

/** Prints a class a row, then what part of them is wrong. */
export async function classify(
  path: string,
  name: string,
  options: ClassifyArguments,
  output: Output,
): Promise<number> {
  const engine = await load(engineOptions(options));
  try {
    const model = openModel(engine, path);
    const { rows } = await loadRows(engine, name, { labels: options.labels, dataFolder: options.data });
    const { labels, probabilities, classes } = model.classify(rows);
    const given = rows.classes > 0 ? rows.labels() : undefined;
    let errors = 0;
    labels.forEach((label, row) => {
      if (given !== undefined && given[row] !== label) errors += 1;
      const probability = probabilities[row * classes + label];
      output.object({ type: 'row', row, label, probability, ...(given === undefined ? {} : { given: given[row] }) });
      output.line(String(label));
    });
    const errorPercent = given === undefined ? undefined : (100 * errors) / Math.max(1, rows.rows);
    output.object({ type: 'summary', rows: rows.rows, ...(given === undefined ? {} : { errors, errorPercent }) });
    if (errorPercent !== undefined) {
      output.remark(
        `${withThousands(errors)} of ${withThousands(rows.rows)} rows are wrong: ${errorPercent.toFixed(2)} %.`,
      );
    }
    return exitStatus.done;
  } finally {
    engine.close();
  }
}
