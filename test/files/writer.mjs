// A program for the tests of files: takes the folder given, removes left-over temporaries, writes `state` from 1 to 3 and a
// line of `log` for each that is missing, and gives the folder back. With `hold` it then waits for its input to end instead.
import { join } from 'node:path';
import {
  appendToFile,
  lockFolder,
  makeFolder,
  readFileIfThere,
  removeTemporaries,
  writeFileAtomic,
} from '../../dist/files/atomic.js';

const [folder, hold] = process.argv.slice(2);
const textOf = (name) => new TextDecoder().decode(readFileIfThere(join(folder, name)));

try {
  makeFolder(folder);
  const lock = lockFolder(folder);
  removeTemporaries(folder);
  if (hold === 'hold') {
    process.stdout.write('held\n');
    for await (const _ of process.stdin);
  } else {
    for (let step = Number(textOf('state').split(' ')[0]); step < 3; step += 1) {
      writeFileAtomic(join(folder, 'state'), `${step + 1} ${'x'.repeat(1000)}`);
      appendToFile(join(folder, 'log'), `step ${step + 1}\n`);
    }
  }
  lock.release();
} catch (error) {
  process.stdout.write(`${error.code ?? error.stack}\n`);
  process.exitCode = 1;
}
