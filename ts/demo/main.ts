/** The page: what stands on it, and what happens when something is pressed. The engine is in session.ts. */
import { type RemoteModel, WakesleepError } from 'wakesleep';
import { drawCurve } from './curve.js';
import type { Digits, DigitsName } from './digits.js';
import { Pad } from './pad.js';
import { drawPictures, rowGreys, weightGreys } from './pictures.js';
import { Session, type Settings } from './session.js';
import { forget, keep, kept } from './store.js';

/** Milliseconds between pictures of a net that learns. */
const REFRESH = 400;
/** A plot takes longer than a picture. */
const CURVE_EVERY = 1500;
const FILTERS = 60;
const CLASSES = 10;
const DREAM = { sweeps: 300, every: 5, frameMs: 80 };
const STEPS = 8;

function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${id}.`);
  return found;
}

const button = (id: string) => byId(id, HTMLButtonElement);
const canvas = (id: string) => byId(id, HTMLCanvasElement);
const say = (id: string, text: string) => {
  const place = byId(id, HTMLElement);
  if (place.textContent !== text) place.textContent = text;
};

const form = byId('settings', HTMLFormElement);
const seeds = { next: 1 };
let session: Session;
let drawnRecords = -1;
let dreamNumber = 0;
let judgeNumber = 0;
let unseen = 0;
let isRefreshing = false;
let mustRefresh = false;
let nextCurve = 0;

const pad = new Pad(canvas('pad'), () => attempt(judge));

/** Does something and says what went wrong, if anything did. */
async function attempt(work: () => Promise<void>): Promise<void> {
  byId('trouble', HTMLElement).hidden = true;
  await attended(work);
}

/** The same without taking away what was said of earlier trouble: for what nobody has pressed. */
async function attended(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // Who asks in several steps may find that another model has taken the place of the one that was asked.
    if (error instanceof WakesleepError && error.where === 'free()') return;
    const { message } = error as Error;
    say('trouble', error instanceof WakesleepError ? `${message} (${error.code})` : message);
    byId('trouble', HTMLElement).hidden = false;
  } finally {
    showButtons();
  }
}

// ---- Learning ----

/** Sizes that suit each set; the form offers them when the set is chosen. */
const sizes: Readonly<Record<DigitsName, { readonly hidden: string; readonly epochs: string }>> = {
  'digits-tiny': { hidden: '64', epochs: '100' },
  mnist: { hidden: '300', epochs: '10' },
};

function settings(): Settings {
  const given = new FormData(form);
  const number = (name: string) => Number(given.get(name));
  return {
    data: given.get('data') as DigitsName,
    model: given.get('model') as Settings['model'],
    hidden: number('hidden'),
    epochs: number('epochs'),
    rate: number('rate'),
    seed: number('seed'),
  };
}

async function train(work: () => Promise<void>): Promise<void> {
  const working = work();
  showButtons();
  showProgress();
  try {
    await working;
  } finally {
    showProgress();
    await refreshAnew();
  }
}

function showButtons(): void {
  const { isBusy = true, isTraining = false, canGoOn = false, model } = session ?? {};
  button('train').disabled = isBusy;
  button('pause').disabled = !isTraining;
  button('resume').disabled = !canGoOn;
  button('download').disabled = model === undefined;
  button('forget').disabled = session === undefined;
  byId('file', HTMLInputElement).disabled = isBusy;
  button('example').disabled = session?.digits === undefined;
  for (const one of byId('labels', HTMLElement).querySelectorAll('button')) one.disabled = model === undefined;
}

function showProgress(): void {
  const { model, records, isStarting, isTraining, isDone, canGoOn, notKept } = session;
  if (isStarting || model === undefined) {
    say('status', isStarting ? 'The digits and the net are made ready.' : 'Nothing has been learned yet.');
    return;
  }
  const last = records.at(-1);
  byId('progress', HTMLProgressElement).value = isDone ? 1 : last === undefined ? 0 : last.epoch / last.epochs;
  const state = isTraining ? 'Learning' : isDone ? 'Done' : canGoOn ? 'Paused' : 'A model';
  const done =
    last === undefined
      ? 'nothing is known of its epochs yet'
      : `${last.layer}, epoch ${last.epoch} of ${last.epochs}, error ${last.reconstructionError.toFixed(2)} a row`;
  const trouble =
    notKept === undefined
      ? ''
      : ` This browser could not keep the checkpoint (${notKept}): download it before you leave.`;
  const status = byId('status', HTMLElement);
  // Read out when learning begins and ends and when there is trouble, but not at every epoch.
  const isSame = isTraining && status.textContent!.startsWith(state) && status.textContent!.endsWith(trouble);
  status.ariaLive = isSame ? 'off' : 'polite';
  say('status', `${state}: ${done}.${trouble}`);
}

/** Draws everything, though no record has come. */
function refreshAnew(): Promise<void> {
  drawnRecords = -1;
  return refresh();
}

/** Draws what the net is now; while it learns, again and again. Asked for while it draws, it draws once more. */
async function refresh(): Promise<void> {
  mustRefresh = true;
  if (isRefreshing) return;
  isRefreshing = true;
  try {
    while (mustRefresh) {
      mustRefresh = false;
      await drawNet();
    }
  } finally {
    isRefreshing = false;
  }
}

async function drawNet(): Promise<void> {
  const { model, digits, records } = session;
  if (model === undefined || digits === undefined) return;
  showProgress();
  if (records.length === drawnRecords) return;
  drawnRecords = records.length;
  if (drawnRecords === 0) byId('plot', HTMLElement).replaceChildren();
  else if (!session.isTraining || performance.now() > nextCurve) {
    drawCurve(byId('plot', HTMLElement), records);
    nextCurve = performance.now() + CURVE_EVERY;
  }
  await drawFilters(model, digits);
  await drawFantasies(model, digits);
}

async function drawFilters(model: RemoteModel, { side }: Digits): Promise<void> {
  const weights = await model.parameter('visible-h1.weight');
  const view = await weights.view();
  const [units = 0, pixels = 0] = await weights.shape;
  const count = Math.min(FILTERS, units);
  const weight = (unit: number, pixel: number) => view.values[view.at(unit, pixel)]!;
  drawPictures(canvas('filters'), { count, side, columns: 10 }, weightGreys(weight, count, pixels));
}

async function drawFantasies(model: RemoteModel, { side }: Digits): Promise<void> {
  const clamp = { label: Array.from({ length: CLASSES }, (_, label) => label) };
  const rows = await model.sample({ rows: CLASSES, sweeps: 40, seed: 1, clamp });
  drawPictures(canvas('fantasies'), { count: CLASSES, side, columns: CLASSES }, rowGreys(rows, side * side));
}

// ---- Dreaming ----

async function dream(label: number): Promise<void> {
  const { model, digits } = session;
  if (model === undefined || digits === undefined) return;
  const number = ++dreamNumber;
  for (const [index, one] of byId('labels', HTMLElement).querySelectorAll('button').entries()) {
    one.setAttribute('aria-pressed', String(index === label));
  }
  const { side } = digits;
  const { sweeps, every, frameMs } = DREAM;
  const frames = await model.sample({ rows: 1, sweeps, every, seed: seeds.next++, clamp: { label } });
  canvas('dream').setAttribute('aria-label', `The net dreams a ${label}`);
  for (let frame = 0; frame < sweeps / every && number === dreamNumber; frame += 1) {
    const greys = rowGreys(frames.subarray(frame * side * side), side * side);
    drawPictures(canvas('dream'), { count: 1, side, columns: 1 }, greys);
    await new Promise((resolve) => setTimeout(resolve, frameMs));
  }
}

// ---- Drawing ----

async function judge(): Promise<void> {
  const number = ++judgeNumber;
  const { model, digits } = session ?? {};
  const row = digits === undefined ? undefined : pad.row(digits);
  if (model === undefined || digits === undefined) return say('verdict', 'There is no net yet: train one first.');
  if (row === undefined) return say('verdict', 'Draw something.');
  const { labels, probabilities } = await model.classify([row]);
  // What was drawn on meanwhile is judged by itself.
  if (number !== judgeNumber) return;
  say('verdict', `The net takes this for a ${labels[0]}, with probability ${probabilities[labels[0]!]!.toFixed(2)}.`);
  for (const [label, item] of byId('bars', HTMLElement).querySelectorAll('li').entries()) {
    item.querySelector('meter')!.value = probabilities[label]!;
    item.lastElementChild!.textContent = `${(100 * probabilities[label]!).toFixed(1)} %`;
  }
  const { side } = digits;
  const pixels = side * side;
  const rebuilt = await model.reconstruct([row]);
  if (number !== judgeNumber) return;
  const both = Float32Array.from([...row, ...rebuilt]);
  drawPictures(canvas('rebuilt'), { count: 2, side, columns: 2 }, rowGreys(both, pixels));
  const isDeep = (await model.graph).layers.length > 3;
  canvas('strip').hidden = !isDeep;
  say(
    'strip-text',
    isDeep
      ? 'Effects from above take the place of the image, from left to right: what the net knows nothing of fades.'
      : 'Noise is removed by effects from above, for which a deep belief net is needed.',
  );
  if (!isDeep) return;
  const steps = await model.denoise([row], { steps: STEPS });
  if (number !== judgeNumber) return;
  drawPictures(canvas('strip'), { count: STEPS + 1, side, columns: STEPS + 1 }, rowGreys(steps, pixels));
}

function showExample(): void {
  const { unseen: pictures, side } = session.digits!;
  const pixels = side * side;
  const first = (unseen++ % pictures.labels.length) * pixels;
  pad.put(Float32Array.from(pictures.images.subarray(first, first + pixels), (value) => value / 255));
}

/** A white bar through what is on the pad. */
function crossOut(): void {
  const row = session?.digits === undefined ? undefined : pad.row(session.digits);
  if (row === undefined) return;
  const { side } = session.digits!;
  const crossed = row.slice();
  const breadth = Math.max(1, Math.round(side / 14));
  const top = Math.floor(side / 3 + (seeds.next++ % 3) * (side / 6));
  crossed.fill(1, top * side, (top + breadth) * side);
  pad.put(crossed);
}

// ---- Keeping ----

async function download(): Promise<void> {
  const bytes = await session.toBytes();
  if (bytes === undefined) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
  link.download = 'wakesleep-checkpoint.safetensors';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function openFile(file: File | undefined): Promise<void> {
  if (file === undefined) return;
  if (session === undefined) throw new Error('The engine has not started yet.');
  if (session.isTraining) throw new Error('Pause the run before another model is opened.');
  const opening = session.open(new Uint8Array(await file.arrayBuffer()), []);
  showButtons();
  await opening;
  await refreshAnew();
  const what = session.canGoOn ? 'a run that can go on' : session.isDone ? 'a run that is done' : 'a model';
  say('status', `${file.name} is open: ${what}.`);
}

async function bringBack(): Promise<void> {
  const found = await kept();
  if (found === undefined || session.isBusy) return;
  const opening = session.open(found.checkpoint, [...found.records]);
  showButtons();
  await opening;
  await refreshAnew();
  say('status', `${byId('status', HTMLElement).textContent} It was kept in this browser.`);
}

// ---- The start ----

function build(): void {
  for (let label = 0; label < CLASSES; label += 1) {
    const one = document.createElement('button');
    one.type = 'button';
    one.textContent = String(label);
    one.disabled = true;
    one.setAttribute('aria-pressed', 'false');
    one.addEventListener('click', () => attempt(() => dream(label)));
    byId('labels', HTMLElement).append(one);
    const item = document.createElement('li');
    item.innerHTML = `<span>${label}</span><meter min="0" max="1" value="0" aria-label="Probability of ${label}"></meter><span>0.0 %</span>`;
    byId('bars', HTMLElement).append(item);
  }
}

function listen(): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    attempt(() => train(() => session.begin(settings())));
  });
  byId('settings', HTMLFormElement)
    .querySelector<HTMLSelectElement>('[name=data]')!
    .addEventListener('change', ({ currentTarget }) => {
      const { hidden, epochs } = sizes[(currentTarget as HTMLSelectElement).value as DigitsName];
      form.querySelector<HTMLInputElement>('[name=hidden]')!.value = hidden;
      form.querySelector<HTMLInputElement>('[name=epochs]')!.value = epochs;
    });
  button('pause').addEventListener('click', () => session.pause());
  button('resume').addEventListener('click', () => attempt(() => train(() => session.goOn())));
  button('clear').addEventListener('click', () => pad.clear());
  button('example').addEventListener('click', showExample);
  button('cross').addEventListener('click', crossOut);
  button('download').addEventListener('click', () => attempt(download));
  button('forget').addEventListener('click', () =>
    attempt(async () => {
      await forget();
      byId('status', HTMLElement).ariaLive = 'polite';
      say('status', 'Nothing is kept in this browser any more, until the next checkpoint.');
    }),
  );
  const file = byId('file', HTMLInputElement);
  file.addEventListener('change', () => {
    const chosen = file.files?.[0];
    // The same file chosen again is to be heard of again.
    file.value = '';
    attempt(() => openFile(chosen));
  });
  const drop = byId('drop', HTMLElement);
  const over = (isOver: boolean) => (event: Event) => {
    event.preventDefault();
    drop.classList.toggle('over', isOver);
  };
  drop.addEventListener('dragover', over(true));
  drop.addEventListener('dragleave', over(false));
  drop.addEventListener('drop', (event) => {
    over(false)(event);
    attempt(() => openFile(event.dataTransfer?.files[0]));
  });
}

build();
listen();
await attempt(async () => {
  session = await Session.open((checkpoint, records) => keep({ checkpoint, records }));
  const { threads, reason } = session.info;
  say('engine', `${threads === 1 ? 'One thread' : `${threads} threads`}. ${reason}`);
  setInterval(() => {
    if (session.isTraining) attended(refresh);
  }, REFRESH);
  await bringBack();
});
