/** `wakesleep convert`: a model as a file of another kind. */
import { existsSync } from 'node:fs';
import { load } from '../engine.js';
import { WakesleepError } from '../errors.js';
import { writeFileAtomic } from '../files/atomic.js';
import { writeNpz } from '../files/npz.js';
import { type OnnxOptions, writeOnnx } from '../files/onnx.js';
import { numpyArrays } from '../files/scikit-learn.js';
import type { Model } from '../model.js';
import { oneOf } from '../options.js';
import { type EngineOptions, engineOptions } from './engine-options.js';
import { openModel } from './model-source.js';
import { exitStatus, type Output, withThousands } from './output.js';
import { sha256Of } from './run-folder.js';

/** What the command line gives. */
export interface ConvertArguments extends EngineOptions {
  readonly to: string;
  readonly out: string;
  /** Only to ONNX. */
  readonly pass?: string;
  readonly layer?: string;
}

const writers = {
  onnx: writeOnnx,
  npz: (model: Model) => writeNpz(numpyArrays(model)),
  safetensors: (model: Model) => model.toBytes(),
} as const;

/** Writes the file; throws `FILE_EXISTS` where there is one already. */
export async function convert(path: string, options: ConvertArguments, output: Output): Promise<number> {
  const { out, pass, layer } = options;
  const to = oneOf('convert', '--to', options.to, ['onnx', 'npz', 'safetensors'] as const);
  const onnx = { ...(pass !== undefined && { pass }), ...(layer !== undefined && { layer }) };
  refuseOnnxOptions(to, onnx);
  refuseExisting(out);
  const engine = await load(engineOptions(options));
  try {
    const bytes = writers[to](openModel(engine, path), onnx as OnnxOptions);
    writeFileAtomic(out, bytes);
    const sha256 = sha256Of(bytes);
    output.object({ type: 'converted', model: path, to, out, bytes: bytes.length, sha256 });
    output.line(`${path} is in ${out}: ${withThousands(bytes.length)} bytes, SHA-256 ${sha256}.`);
    return exitStatus.done;
  } finally {
    engine.close();
  }
}

function refuseOnnxOptions(to: string, onnx: object): void {
  const [given] = Object.keys(onnx);
  if (to === 'onnx' || given === undefined) return;
  const message = `\`--${given}\` says which pass an ONNX file is to hold; a file of kind ${to} holds all parameters.`;
  throw new WakesleepError('OPTION_INVALID', message, { given, where: `--${given}` });
}

function refuseExisting(out: string): void {
  if (!existsSync(out)) return;
  const message = `${out} is there already; give another file with \`--out\`.`;
  throw new WakesleepError('FILE_EXISTS', message, { given: out, wanted: 'a file that is not there', where: '--out' });
}
