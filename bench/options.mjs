/** The command line of a bench. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** The comment that a script begins with. */
const helpOf = (script) =>
  /^\/\*\*\n(.*?)\n \*\//s.exec(readFileSync(fileURLToPath(script), 'utf8'))[1].replaceAll(/^ \* ?/gm, '');

/**
 * What a bench was called with: its options by their names, and the words without a name as `words`. `defaults` has the options that it
 * takes beside `--dry`: a number, `false` for a switch, or `undefined` for text; `isWord` says which words it knows. What is
 * not known ends the process with a sentence and status 2; `--help` prints the comment at the top of `script` (its `import.meta.url`).
 */
export function readOptions(script, defaults = {}, isWord = () => false) {
  const known = { ...defaults, dry: false, help: false };
  const options = Object.fromEntries(
    Object.entries(known).map(([name, value]) => [name, { type: value === false ? 'boolean' : 'string' }]),
  );
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (values.help) {
      console.log(helpOf(script));
      process.exit();
    }
    const unknown = positionals.find((word) => !isWord(word));
    if (unknown !== undefined) throw new Error(`There is no "${unknown}" here; --help says what there is.`);
    return { ...known, ...values, ...numbersOf(values, known), words: positionals };
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

/** The values whose defaults are numbers, read as whole numbers of at least 1. */
function numbersOf(values, known) {
  const texts = Object.entries(values).filter(([name]) => typeof known[name] === 'number');
  return Object.fromEntries(
    texts.map(([name, text]) => {
      if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} takes a whole number of at least 1, not "${text}".`);
      return [name, Number(text)];
    }),
  );
}
