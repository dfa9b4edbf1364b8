/** `wakesleep train` of a recipe that trains nothing: prints what it shows, and leaves its pictures in a folder. */
import { join } from 'node:path';
import { load } from '../engine.js';
import { WakesleepError } from '../errors.js';
import { makeFolder, writeFileAtomic } from '../files/atomic.js';
import type { Demonstration } from '../recipes/index.js';
import { engineOptions } from './engine-options.js';
import { exitStatus, type Output } from './output.js';
import type { TrainArguments } from './train.js';

/** The seed of a demonstration's draws, where none is given. */
const SEED = 7;

/** Shows; returns the status to end with. */
export async function demonstrate(recipe: Demonstration, options: TrainArguments, output: Output): Promise<number> {
  refuseTraining(recipe, options);
  const out = options.out ?? join('target', 'runs', recipe.name);
  const engine = await load(engineOptions(options));
  try {
    const { lines, results, pictures } = recipe.demonstrate(engine, options.seed ?? SEED);
    makeFolder(out);
    const paths = Object.entries(pictures).map(([name, text]) => {
      const path = join(out, name);
      writeFileAtomic(path, new TextEncoder().encode(text));
      return path;
    });
    output.object({ type: 'shown', name: recipe.name, ...results, pictures: paths });
    for (const line of lines) output.line(line);
    output.line(`Pictures: ${paths.join(', ')}`);
    return exitStatus.done;
  } finally {
    engine.close();
  }
}

/** Refuses what only a training run has. */
function refuseTraining({ name }: Demonstration, { set, resume, data }: TrainArguments): void {
  const given = set.length > 0 ? '--set' : resume === true ? '--resume' : data !== undefined ? '--data' : undefined;
  if (given === undefined) return;
  const message = `${name} trains nothing, so \`${given}\` means nothing to it; it takes \`--out\` and \`--seed\`.`;
  throw new WakesleepError('OPTION_INVALID', message, { given, wanted: '--out, --seed', where: given });
}
