/** `wakesleep classify`: the class of every row by free energy over the labels, and the error rate where labels are known. */
import { load } from '../engine.js';
import { WakesleepError } from '../errors.js';
import { unitsOf, visibleLayerOf } from '../graph/graph.js';
import { loadRows, type RowsArguments, requestOf } from './data.js';
import { type EngineOptions, engineOptions } from './engine-options.js';
import { openModel } from './model-source.js';
import { exitStatus, type Output, withThousands } from './output.js';

/** What the command line gives. */
export interface ClassifyArguments extends EngineOptions, RowsArguments {
  readonly labels?: string;
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
    const columns = unitsOf(model.graph, visibleLayerOf(model.graph));
    const { rows, classNames } = await loadRows(engine, name, {
      ...requestOf(options),
      labels: options.labels,
      columns,
    });
    const { labels, probabilities, classes } = model.classify(rows);
    if (classNames !== undefined && classNames.length !== classes) throw unknownClasses(name, classNames, classes);
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

/** Classes that are called by words are counted off, which means the same as in training only where all of them occur. */
function unknownClasses(name: string, classNames: readonly string[], classes: number): WakesleepError {
  const message = `${name} has ${classNames.length} classes (${classNames.slice(0, 20).join(', ')}), and the model has ${classes}; give labels as numbers from 0 to ${classes - 1}.`;
  return new WakesleepError('DATA_INVALID', message, {
    given: classNames.length,
    wanted: String(classes),
    where: name,
  });
}
