/**
 * Values that change while a model is trained, as plain data: a number; `{ from, to }`, straight from one to the other
 * over the algorithm's updates; or `{ steps: [[epoch, value], ...] }`, each value from its epoch on (epochs count from 0).
 */
import { WakesleepError } from '../errors.js';
import { type Bounds, describeValue, finiteNumber, integer, isPlainObject, refuseUnknown } from '../options.js';

/** A number that may change over training. */
export type Schedule =
  | number
  | { readonly from: number; readonly to: number }
  | { readonly steps: readonly (readonly [epoch: number, value: number])[] };

/** Checks a schedule; every value must keep to the bounds. */
export function readSchedule(where: string, name: string, given: unknown, bounds: Bounds): Schedule {
  if (!isPlainObject(given)) return finiteNumber(where, name, given, bounds);
  const inside = `${where}.${name}`;
  if (!('steps' in given)) {
    refuseUnknown(inside, given, ['from', 'to', 'steps']);
    const from = finiteNumber(inside, 'from', given.from, bounds);
    return { from, to: finiteNumber(inside, 'to', given.to, endBounds(bounds)) };
  }
  refuseUnknown(inside, given, ['steps']);
  const steps = given.steps;
  const wanted = 'pairs [epoch, value] that begin at epoch 0 and ascend';
  const wrong = () =>
    new WakesleepError('OPTION_INVALID', `\`steps\` must be ${wanted}; got ${describeValue(steps)}.`, {
      given: steps,
      wanted,
      where: inside,
    });
  if (!Array.isArray(steps) || steps.length === 0 || steps[0]?.[0] !== 0) throw wrong();
  const read = steps.map((step: unknown): [number, number] => {
    if (!Array.isArray(step) || step.length !== 2) throw wrong();
    return [integer(inside, 'epoch', step[0], { atLeast: 0 }), finiteNumber(inside, 'value', step[1], bounds)];
  });
  if (read.some(([epoch], index) => index > 0 && epoch <= read[index - 1]![0])) throw wrong();
  return { steps: read };
}

/** Checks a schedule of counts: a lone number must be an integer, values in between are rounded. */
export function readCounts(where: string, name: string, given: unknown, bounds: Bounds): Schedule {
  return isPlainObject(given) ? readSchedule(where, name, given, bounds) : integer(where, name, given, bounds);
}

/** The end of a straight line is approached and never reached, so a rate may fall towards 0. */
function endBounds({ above, ...rest }: Bounds): Bounds {
  return above === undefined ? rest : { ...rest, atLeast: above };
}

/** A schedule's value in an epoch, at a share (0 to 1) of all updates. */
export function scheduled(schedule: Schedule, epoch: number, share: number): number {
  if (typeof schedule === 'number') return schedule;
  if ('from' in schedule) return schedule.from + (schedule.to - schedule.from) * share;
  let value = schedule.steps[0]![1];
  for (const [start, next] of schedule.steps) if (epoch >= start) value = next;
  return value;
}

/** A schedule's value as a count. */
export function scheduledCount(schedule: Schedule, epoch: number, share: number): number {
  return Math.round(scheduled(schedule, epoch, share));
}
