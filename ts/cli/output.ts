/**
 * What the command says, and where: results on stdout, as text or, with `--json`, as one JSON object a line and nothing
 * else; progress and remarks on stderr; errors as one sentence.
 */
import { CommanderError } from 'commander';
import { type ErrorCode, WakesleepError } from '../errors.js';

/** How the command can end. */
export const exitStatus = { done: 0, failed: 1, badUsage: 2, interrupted: 130 } as const;

/** Errors that another command line or configuration would not have met. */
const usageCodes: readonly ErrorCode[] = [
  'OPTION_INVALID',
  'THREADS_UNAVAILABLE',
  'ARTEFACT_UNAVAILABLE',
  'FILE_EXISTS',
  'RESUME_MISMATCH',
];

/** The two ways of speaking. */
export class Output {
  constructor(
    /** Whether stdout takes JSON lines. */
    readonly json: boolean,
    /** The variant of a study whose results these are: named in every object, and its lines are left out. */
    private readonly variant?: string,
  ) {}

  /** For one variant of a study: what it has to say to a person is said in the study's summary. */
  of(variant: string): Output {
    return new Output(this.json, variant);
  }

  /** A line for a person; nothing with `--json`. */
  line(text = ''): void {
    if (!this.json && this.variant === undefined) process.stdout.write(`${text}\n`);
  }

  /** A line for a program; nothing without `--json`. */
  object(value: object): void {
    if (!this.json) return;
    const { variant } = this;
    process.stdout.write(`${JSON.stringify(variant === undefined ? value : { ...value, variant })}\n`);
  }

  /** A remark beside the results. */
  remark(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}

/** Says what went wrong and gives the status to end with. */
export function reportError(error: unknown, output: Output): number {
  const { code, message, status } = explained(error);
  if (output.json) output.object({ type: 'error', code, message });
  process.stderr.write(`${message}\n`);
  return status;
}

function explained(error: unknown): { readonly code: string; readonly message: string; readonly status: number } {
  if (error instanceof WakesleepError) {
    const { code, message } = error;
    return { code, message, status: statusOf(code) };
  }
  if (error instanceof CommanderError) {
    return { code: 'OPTION_INVALID', message: commanderSentence(error.message), status: exitStatus.badUsage };
  }
  // Only a mistake in this package leads here, and then the place matters.
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const message = `This is a mistake in wakesleep itself; please report it.\n${what}`;
  return { code: 'INTERNAL', message, status: exitStatus.failed };
}

function statusOf(code: ErrorCode): number {
  if (code === 'ABORTED') return exitStatus.interrupted;
  return usageCodes.includes(code) ? exitStatus.badUsage : exitStatus.failed;
}

/** Commander says "error: unknown option '--thread'\n(Did you mean --threads?)"; here that becomes sentences. */
function commanderSentence(message: string): string {
  const [what = '', advice] = message
    .replace(/^error: /, '')
    .trim()
    .split('\n');
  const sentence = what.charAt(0).toUpperCase() + what.slice(1).replace(/\.$/, '');
  return `${sentence}.${advice === undefined ? '' : ` ${advice.replace(/^\((.*)\)$/, '$1')}`}`;
}

/** 12345.6 as "12,346". */
export function withThousands(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Seconds as "4.5 s", "45 s" or "3 min 05 s". */
export function duration(seconds: number): string {
  if (seconds > 0 && seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}
