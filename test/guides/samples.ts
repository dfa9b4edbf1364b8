/**
 * The samples of a page: what stands between ``` fences, in the order of the page.
 *
 * JavaScript blocks of a page are one program, one module in the order of the page; a comment `<!-- program -->` begins
 * another. A comment `<!-- given: CODE -->` is code that readers are not shown: what a fragment takes for granted. Between
 * two JavaScript programs, or where the page has them, shell and Python blocks are programs of their own.
 */

/** A program of a page. */
export interface Sample {
  readonly language: 'js' | 'sh' | 'python';
  readonly code: string;
  /** The line of the page where it begins, from 1. */
  readonly line: number;
}

const FENCE = /^```(\w*)\s*$/;
const GIVEN = /^<!-- given: (.*) -->$/;

/** All samples of a page in order. A block in another language is no program and is left out. */
export function samplesOf(markdown: string): Sample[] {
  const samples: Sample[] = [];
  let open: { language: string; from: number; lines: string[] } | undefined;
  let startsAnew = true;
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = FENCE.exec(line);
    const given = GIVEN.exec(line);
    if (open !== undefined && fence !== null) {
      append(samples, open, startsAnew);
      startsAnew = false;
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else if (fence !== null) open = { language: fence[1]!, from: index + 2, lines: [] };
    else if (line === '<!-- program -->') startsAnew = true;
    else if (given !== null) {
      append(samples, { language: 'js', from: index + 1, lines: [given[1]!] }, startsAnew);
      startsAnew = false;
    }
  }
  return samples;
}

function append(
  samples: Sample[],
  { language, from, lines }: { language: string; from: number; lines: string[] },
  startsAnew: boolean,
): void {
  const code = lines.join('\n');
  const last = samples.at(-1);
  if (language === 'js' && last?.language === 'js' && !startsAnew) {
    samples[samples.length - 1] = { ...last, code: `${last.code}\n${code}` };
  } else if (language === 'js' || language === 'sh' || language === 'python') {
    samples.push({ language, code, line: from });
  }
}
