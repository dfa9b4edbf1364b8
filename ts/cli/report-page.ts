/**
 * report.html: a finished run on one page that needs no network and no other file. Results, a curve for every measure, pictures,
 * configuration, and what says which bits these are: digests, versions, machine. It follows the reader's choice of light or dark.
 *
 * All that comes from outside (names of files, of layers, of machines) passes `escaped`.
 */
import type { TrainingRecord } from '../learn/training.js';
import { escaped } from './markup.js';
import { metricsPanels } from './metrics-plot.js';
import { duration, withThousands } from './output.js';
import { colourOf, dashOf, smallPlot } from './plots.js';
import { type RunDescription, resultNames } from './run-folder.js';

/** One picture of a run by its file's name. */
export interface Picture {
  readonly name: string;
  readonly bytes: Uint8Array | string;
}

/** What a picture shows, by the name of its file. */
const captions: Readonly<Record<string, string>> = {
  'filters.png': 'Weights of first-layer units (zero is grey)',
  'reconstructions.png': 'Rows, and below each its reconstruction',
  'generated.png': 'Generated rows',
  'chains.png': 'Chains over time, one a line',
  'noise.png': 'Noisy rows, and what becomes of them step by step',
  'confused.png': 'The surest mistakes',
  'confusion.svg': 'Who is taken for whom',
  'calibration.svg': 'How far its confidence can be believed',
  'codes.svg': 'Codes of rows',
};

/** The page of a run that is finished. */
export async function reportPage(
  description: RunDescription,
  records: readonly TrainingRecord[],
  pictures: readonly Picture[],
): Promise<string> {
  const { source, configuration } = description;
  const shown = pictures.filter(({ name }) => name in captions);
  const sections = [
    section('Results', resultsTable(description)),
    section('Metrics', `${await curves(records)}\n${lastRecords(records)}`),
    shown.length === 0 ? '' : section('Pictures', `<div class="pictures">${shown.map(figure).join('\n')}</div>`),
    section('Configuration', `<pre>${escaped(laidOut(configuration))}</pre>`),
    section('Where these bits come from', originTable(description)),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escaped(source)} · wakesleep</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escaped(source)}</h1>
<p>${summary(description)}</p>
</header>
${sections.filter((part) => part !== '').join('\n')}
</main>
</body>
</html>
`;
}

/** Characters of a line of JSON that stays one line. */
const LINE_LENGTH = 96;

/** JSON in which what is short stands on one line. */
function laidOut(value: unknown, indent = ''): string {
  const short = JSON.stringify(value, null, 1)?.replace(/\n */g, ' ') ?? 'null';
  if (typeof value !== 'object' || value === null || indent.length + short.length <= LINE_LENGTH) return short;
  const inner = `${indent}  `;
  const items = Array.isArray(value)
    ? value.map((item) => laidOut(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${laidOut(item, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${items.map((item) => inner + item).join(',\n')}\n${indent}${close}`;
}

function section(title: string, content: string): string {
  return `<section>\n<h2>${escaped(title)}</h2>\n${content}\n</section>`;
}

/** One sentence: what was trained, on what, how long. */
function summary({ configuration, data, model, seconds, machine }: RunDescription): string {
  const [algorithm] = configuration.train;
  const rows = data[0] === undefined ? '' : ` on ${withThousands(data[0].rows)} rows of ${data[0].name}`;
  const updates = model === undefined ? '' : `, ${withThousands(model.updates)} updates`;
  const time =
    seconds === undefined ? '' : ` in ${duration(seconds.training)} on ${counted(machine.threads, 'thread')}`;
  return escaped(`Trained by ${algorithm.type}${rows}, seed ${configuration.seed}${updates}${time}.`);
}

function counted(count: number, what: string): string {
  return `${count} ${count === 1 ? what : `${what}s`}`;
}

// ---- Results and metrics ----

/** What was measured at the end; lists are in run.json, and mostly in pictures. */
function resultsTable({ evaluation = {}, seconds, model }: RunDescription): string {
  const measured = Object.entries(evaluation).flatMap(([name, value]): Row[] => {
    return typeof value === 'number' ? [[inWords(name), number(value)]] : [];
  });
  const times: Row[] =
    seconds === undefined
      ? []
      : [
          ['training', duration(seconds.training)],
          ['evaluation', duration(seconds.evaluation)],
        ];
  const updates: Row[] = model === undefined ? [] : [['updates', withThousands(model.updates)]];
  return table([...measured, ...updates, ...times]);
}

type Row = readonly [name: string, value: string];

function table(rows: readonly Row[]): string {
  const lines = rows.map(([name, value]) => `<tr><th scope="row">${escaped(name)}</th><td>${escaped(value)}</td></tr>`);
  return `<div class="table"><table>\n${lines.join('\n')}\n</table></div>`;
}

/** `testErrorPercent` as "test error (%)". */
function inWords(name: string): string {
  const words = name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return words
    .replace('held out', 'held-out')
    .replace(/ percent$/, ' (%)')
    .replace(/ nats$/, ' (nats)');
}

function number(value: number): string {
  return Number.isInteger(value) ? withThousands(value) : String(Number(value.toPrecision(5)));
}

/** A small plot of each measure, and what their colours stand for. */
async function curves(records: readonly TrainingRecord[]): Promise<string> {
  const panels = metricsPanels(records);
  const names = [...new Set(panels.flatMap(({ series }) => series.map(({ name }) => name)))];
  const keys = names.map(
    (name, place) =>
      `<li><i style="border-color:${colourOf(place)};border-style:${dashOf(place) === null ? 'solid' : 'dashed'}"></i>${escaped(name)}</li>`,
  );
  const plots = await Promise.all(panels.map((panel) => smallPlot(panel, names)));
  return `<ul class="legend">${keys.join('')}</ul>\n<div class="curves">\n${plots.join('\n')}\n</div>`;
}

/** The record with which each layer ended. */
function lastRecords(records: readonly TrainingRecord[]): string {
  const last = [...new Map(records.map((record) => [record.phase, record])).values()];
  const head = ['layer', 'epochs', 'updates', 'reconstruction error', 'mean activity', 'rows a second'];
  const lines = last.map(({ layer, epoch, updates, reconstructionError, meanActivity, timing }) =>
    [layer, epoch, updates, reconstructionError, meanActivity, Math.round(timing.rowsPerSecond)]
      .map((cell) => `<td>${escaped(typeof cell === 'number' ? number(cell) : cell)}</td>`)
      .join(''),
  );
  const heads = head.map((name) => `<th scope="col">${name}</th>`).join('');
  const body = lines.map((line) => `<tr>${line}</tr>`).join('\n');
  return `<div class="table wide"><table>\n<tr>${heads}</tr>\n${body}\n</table></div>`;
}

// ---- Pictures ----

function figure({ name, bytes }: Picture): string {
  const caption = escaped(captions[name] ?? name);
  const base64 = Buffer.from(bytes as Uint8Array).toString('base64');
  const image =
    typeof bytes === 'string'
      ? `src="data:image/svg+xml;base64,${base64}"`
      : `src="data:image/png;base64,${base64}" class="pixels" width="${shownWidth(bytes)}"`;
  return `<figure><img ${image} alt="${caption}"><figcaption>${caption}</figcaption></figure>`;
}

/** Small pictures are shown as many times as large as makes them easy to see. */
const EASY_WIDTH = 300;

/** The width of a PNG on the page: its own, which its header says, or a multiple of that. */
function shownWidth(png: Uint8Array): number {
  const width = new DataView(png.buffer, png.byteOffset).getUint32(16);
  return width * Math.max(1, Math.floor(EASY_WIDTH / width));
}

// ---- Origin ----

function originTable({
  model,
  data,
  start,
  versions,
  machine,
  startedAt,
  resumedAt,
  finishedAt,
}: RunDescription): string {
  const rows: Row[] = [
    ...(model === undefined
      ? []
      : [[model.file, `SHA-256 ${model.sha256}, ${withThousands(model.bytes)} bytes`] as Row]),
    ...data.map(({ name, rows: count, sha256 }): Row => [name, `SHA-256 ${sha256}, ${withThousands(count)} rows`]),
    ...(start === undefined ? [] : [['started from', `${start.file}, SHA-256 ${start.sha256}`] as Row]),
    ['wakesleep', `${versions.wakesleep}, random streams version ${versions.streamVersion}`],
    ['artefact', `${machine.artefact}, ${counted(machine.threads, 'thread')}: ${machine.reason}`],
    ['machine', `${machine.host}, ${machine.cpu}`],
    ['portable', machine.portable ? 'the same bits on every machine' : 'no: a relaxed artefact computed a part'],
    ['started', startedAt],
    ...resumedAt.map((at): Row => ['went on', at]),
    ...(finishedAt === undefined ? [] : [['finished', finishedAt] as Row]),
    ['beside this page', `run.json, metrics.jsonl, ${resultNames.table}, ${resultNames.events}`],
  ];
  return table(rows);
}

const STYLE = `
:root { --page: #ffffff; --ink: #1c1f24; --faint: #5c6470; --line: #dfe3e8; --card: #f6f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171c; --ink: #e6e9ee; --faint: #9aa4b2; --line: #2c323b; --card: #1c2027; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
header p { margin: 6px 0 0; color: var(--faint); }
section { margin-top: 36px; }
h2 { font-size: 17px; margin: 0 0 12px; padding-bottom: 6px; border-bottom: 1px solid var(--line); }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 400; color: var(--faint); padding: 3px 24px 3px 0; vertical-align: top; white-space: nowrap; }
td { padding: 3px 24px 3px 0; overflow-wrap: anywhere; }
.wide { margin-top: 16px; }
.wide td:not(:first-child), .wide th:not(:first-child) { text-align: right; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 8px; padding: 0; }
.legend i { display: inline-block; width: 18px; border-width: 3px 0 0; margin-right: 6px; vertical-align: middle; }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 430px), 1fr)); gap: 18px 24px; }
.curves svg { max-width: 100%; height: auto; font-size: 11px; }
.pictures { display: flex; flex-wrap: wrap; gap: 24px; align-items: flex-start; }
figure { margin: 0; max-width: 100%; }
figure img { display: block; max-width: 100%; height: auto; border-radius: 4px; }
figure img:not(.pixels) { width: 640px; }
.pixels { image-rendering: pixelated; }
figcaption { margin-top: 6px; font-size: 13px; color: var(--faint); }
pre { margin: 0; padding: 14px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  overflow-x: auto; font: 12.5px/1.5 ui-monospace, monospace; }
`;
