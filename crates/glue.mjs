/**
 * Turns the glue that wasm-bindgen writes for the web into a module that binds one instance per call.
 *
 * As written, the glue keeps one instance per realm, fetches the wasm itself, takes its thread helper from a file that
 * only browsers can run, and frees objects from a finaliser, so that a view could outlive its memory unseen. The
 * rewritten module has no state outside of the function
 *
 *     bind(helpers) -> { start(module, memory), startSync(module, memory, stackBytes), ...everything exported }
 *
 * and no import. Each edit names the text that it replaces and fails the build when that is not found: a new
 * wasm-bindgen is then looked at by a person before it is used.
 */

/**
 * The module's text and how many pages its memory must have to begin with.
 *
 * `threads`: whether the artefact has wasm-bindgen-rayon's helper import `startWorkers`.
 */
export function rewriteGlue(glue, name, threads) {
  const edits = new Edits(glue, `the glue of ${name}`);
  edits.replace('the type reference', /^\/\* @ts-self-types="[^"]*" \*\/\n/, '');
  if (threads) {
    edits.replace('the helper import', /^import \{ startWorkers \} from '\.\/snippets\/[^']+';\n/m, '');
  }
  edits.cut('the loaders', '\nasync function __wbg_load(', '\nexport { initSync, __wbg_init as default };\n');
  edits.replaceAll(
    'finalisers',
    /\(typeof FinalizationRegistry === 'undefined'\)\n\s+\? (\{ register: \(\) => \{\}, unregister: \(\) => \{\} \})\n\s+: new FinalizationRegistry\([^\n]+\);/g,
    '$1;',
  );
  const initialPages = Number(
    edits.replace(
      'the memory import',
      /memory: memory \|\| new WebAssembly\.Memory\(\{initial:(\d+),maximum:65536(?:,shared:true)?\}\),/,
      'memory,',
    )[1],
  );
  const exported = edits.replaceAll('exports', /^export (?:class|function) (\w+)/gm, (whole) => whole.slice(7));
  if (/^(?:import|export) /m.test(edits.text)) throw edits.failure('a module without other imports and exports');
  return { text: module(edits.text, exported, threads, initialPages), initialPages };
}

function module(body, exported, threads, initialPages) {
  const names = exported.map((name) => `    ${name},`).join('\n');
  return `// Made by crates/build.mjs from wasm-bindgen's glue.
/* eslint-disable */
export const initialPages = ${initialPages};

export function bind(${threads ? '{ startWorkers }' : ''}) {
${body.trimEnd()}
  return {
    async start(module, memory) {
      const instance = await WebAssembly.instantiate(module, __wbg_get_imports(memory));
      __wbg_finalize_init(instance, module, undefined);
    },
    startSync(module, memory, stackBytes) {
      __wbg_finalize_init(new WebAssembly.Instance(module, __wbg_get_imports(memory)), module, stackBytes);
    },
${names}
  };
}
`;
}

/** The declarations that go with `rewriteGlue`, from those that wasm-bindgen writes. */
export function rewriteDeclarations(declarations, name, threads) {
  const edits = new Edits(declarations, `the declarations of ${name}`);
  edits.cut('the loaders', '\nexport type InitInput =', undefined);
  const exported = edits.replaceAll(
    'exports',
    /^export (class|function) (\w+)/gm,
    (_whole, kind, word) => `declare ${kind} ${word}`,
  );
  const classes = [...edits.text.matchAll(/^declare class (\w+)/gm)].map(([, word]) => word);
  const helpers = threads
    ? '{ startWorkers }: { startWorkers(module: WebAssembly.Module, memory: WebAssembly.Memory, builder: wbg_rayon_PoolBuilder): Promise<void> }'
    : '';
  return `// Made by crates/build.mjs from wasm-bindgen's declarations.
${edits.text.replace(/^\/\* (?:tslint|eslint).*\n/gm, '').trim()}

export type { ${classes.join(', ')} };

/** One instance, bound to one memory. */
export interface Bound {
  /** Makes the instance; nothing else may be called before. */
  start(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<void>;
  /** Like start, for a thread that joins a running instance; its stack has stackBytes, a multiple of 65,536. */
  startSync(module: WebAssembly.Module, memory: WebAssembly.Memory, stackBytes?: number): void;
${exported.map((word) => `  readonly ${word}: typeof ${word};`).join('\n')}
}

/** The pages that the memory must have to begin with. */
export declare const initialPages: number;

/** A new, independent instance; all its state is its own. */
export declare function bind(${helpers}): Bound;
`;
}

/** A text and the edits made to it, each of which must find what it looks for. */
class Edits {
  constructor(text, where) {
    this.text = text;
    this.where = where;
  }

  /** Replaces the only match of `pattern`; returns the match. */
  replace(what, pattern, replacement) {
    const match = pattern.exec(this.text);
    if (match === null) throw this.failure(what);
    this.text = this.text.replace(pattern, replacement);
    return match;
  }

  /** Replaces every match (at least one); returns the first group of each. */
  replaceAll(what, pattern, replacement) {
    const matches = [...this.text.matchAll(pattern)];
    if (matches.length === 0) throw this.failure(what);
    this.text = this.text.replace(pattern, replacement);
    return matches.map((match) => match.at(-1));
  }

  /** Removes everything from `start` to the end of `end`, or of the text. */
  cut(what, start, end) {
    const from = this.text.indexOf(start);
    const to = end === undefined ? this.text.length : this.text.indexOf(end, from);
    if (from < 0 || to < 0) throw this.failure(what);
    this.text = this.text.slice(0, from) + this.text.slice(to + (end?.length ?? 0));
  }

  failure(what) {
    return new Error(`${this.where}: ${what} not found; wasm-bindgen writes something new, see crates/glue.mjs.`);
  }
}
