/** `--set path=value`: changes one place of a configuration before it is checked. */
import { configurationNamesAt, noSuchPath, refuseUnknownVariant } from '../config.js';
import { WakesleepError } from '../errors.js';
import { describeValue, isPlainObject } from '../options.js';

/**
 * A copy of `configuration` with the assignments made, in turn. The value is JSON; a bare word that is not JSON is a string.
 * Throws `OPTION_INVALID` for an assignment without `=` and for a path that leads nowhere.
 */
export function withAssignments(configuration: unknown, assignments: readonly string[]): unknown {
  const copy = structuredClone(configuration);
  for (const assignment of assignments) assign(copy, assignment);
  return copy;
}

/** Refuses assignments to variants that a study does not have; throws `OPTION_INVALID`. */
export function checkVariants(names: readonly string[], assignments: readonly string[]): void {
  for (const assignment of assignments) {
    const name = /^variants\.([^.=]*)/.exec(assignment)?.[1];
    if (name !== undefined) refuseUnknownVariant(name, names, '--set');
  }
}

/**
 * The assignments that are meant for a variant of a study: `variants.NAME.path=value` for that one alone, `path=value` for
 * all of them, but what changes `model` for none that starts from another's model.
 */
export function assignmentsOf(variant: string, assignments: readonly string[], configuration: unknown): string[] {
  const own = `variants.${variant}.`;
  const starts = isPlainObject(configuration) && configuration.start !== undefined;
  return assignments.flatMap((assignment) => {
    if (assignment.startsWith(own)) return [assignment.slice(own.length)];
    if (assignment.startsWith('variants.')) return [];
    return starts && /^model[.=]/.test(assignment) ? [] : [assignment];
  });
}

function assign(configuration: unknown, assignment: string): void {
  const equals = assignment.indexOf('=');
  if (equals < 1) {
    const wanted = 'path=value, such as train.0.epochs=5';
    const message = `\`--set\` takes ${wanted}; got ${describeValue(assignment)}.`;
    throw new WakesleepError('OPTION_INVALID', message, { given: assignment, wanted, where: '--set' });
  }
  const path = assignment.slice(0, equals).split('.');
  const value = jsonOrWord(assignment.slice(equals + 1));
  let container = configuration;
  path.forEach((key, depth) => {
    const here = path.slice(0, depth);
    const last = depth === path.length - 1;
    if (Array.isArray(container)) {
      checkIndex(container, key, here);
      if (last) container[Number(key)] = value;
      else container = container[Number(key)];
      return;
    }
    if (!isPlainObject(container)) throw notAContainer(container, here, key);
    const names = configurationNamesAt(here, configuration);
    if (!names.includes(key)) throw noSuchPath([...here, key], names);
    if (last) container[key] = value;
    else {
      if (!Object.hasOwn(container, key)) container[key] = {};
      container = container[key];
    }
  });
}

function jsonOrWord(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function checkIndex(list: readonly unknown[], key: string, path: readonly string[]): void {
  if (/^(0|[1-9]\d*)$/.test(key) && Number(key) < list.length) return;
  const wanted = list.length === 1 ? '0' : `0 to ${list.length - 1}`;
  const message = `\`${path.join('.')}\` is a list of ${list.length}, counted from 0; it has no \`${key}\`.`;
  throw new WakesleepError('OPTION_INVALID', message, { given: key, wanted, where: [...path, key].join('.') });
}

function notAContainer(value: unknown, path: readonly string[], key: string): WakesleepError {
  const message = `\`${path.join('.')}\` is ${describeValue(value)}, which has no \`${key}\`.`;
  return new WakesleepError('OPTION_INVALID', message, { given: value, where: [...path, key].join('.') });
}
