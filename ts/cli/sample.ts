/** `wakesleep sample`: draws rows from a model into a picture or an array. */
import { load } from '../engine.js';
import { WakesleepError } from '../errors.js';
import { writeFileAtomic } from '../files/atomic.js';
import { writeNpy } from '../files/npy.js';
import { type EngineOptions, engineOptions } from './engine-options.js';
import { openModel } from './model-source.js';
import { exitStatus, type Output } from './output.js';
import { pictureSizeOf } from './picture-size.js';
import { samplesPicture } from './pictures.js';

/** What the command line gives. */
export interface SampleArguments extends EngineOptions {
  readonly rows: number;
  readonly sweeps: number;
  readonly anneal?: number;
  readonly every?: number;
  readonly seed: number;
  readonly out: string;
  readonly clamp?: string;
  readonly width?: number;
}

/** Draws, and writes what was drawn. */
export async function sample(path: string, options: SampleArguments, output: Output): Promise<number> {
  const { rows, sweeps, anneal, every, seed, out, width } = options;
  const isPicture = out.endsWith('.png');
  if (!isPicture && !out.endsWith('.npy')) {
    const wanted = 'a file that ends in .png or .npy';
    throw new WakesleepError('OPTION_INVALID', `\`--out\` must be ${wanted}; got ${JSON.stringify(out)}.`, {
      given: out,
      wanted,
      where: '--out',
    });
  }
  const clamp = options.clamp === undefined ? {} : { clamp: readClamp(options.clamp) };
  const engine = await load(engineOptions(options));
  try {
    const model = openModel(engine, path);
    const size = isPicture ? pictureSizeOf(model.graph, width) : undefined;
    const schedule = { ...(anneal !== undefined && { anneal }), ...(every !== undefined && { every }) };
    const values = model.sample({ rows, sweeps, seed, ...schedule, ...clamp });
    const snapshots = every === undefined ? 1 : sweeps / every;
    const units = values.length / rows / snapshots;
    const bytes =
      size === undefined
        ? writeNpy(values, every === undefined ? [rows, units] : [rows, snapshots, units])
        : samplesPicture(model, values, rows * snapshots, size, every === undefined ? undefined : snapshots);
    writeFileAtomic(out, bytes);
    output.object({ type: 'sample', out, rows, units, sweeps, ...schedule, seed, ...clamp });
    output.line(
      every === undefined
        ? `${rows} rows after ${sweeps} sweeps (seed ${seed}) are in ${out}.`
        : `${rows} chains, each after every ${every} of ${sweeps} sweeps (seed ${seed}), are in ${out}.`,
    );
    return exitStatus.done;
  } finally {
    engine.close();
  }
}

function readClamp(clamp: string): { readonly label: number } {
  const match = /^label=(\d+)$/.exec(clamp);
  if (match !== null) return { label: Number(match[1]) };
  const wanted = 'label=CLASS, such as label=3';
  throw new WakesleepError('OPTION_INVALID', `\`--clamp\` takes ${wanted}; got ${JSON.stringify(clamp)}.`, {
    given: clamp,
    wanted,
    where: '--clamp',
  });
}
