import { WakesleepError } from '../../dist/errors.js';

/** What an action throws, as `CODE: message`; anything but a `WakesleepError` goes on as it is. */
export function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return inWords(error);
  }
  return 'nothing was thrown';
}

/** The same for an action that gives a promise. */
export async function refusalOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    return inWords(error);
  }
  return 'nothing was thrown';
}

function inWords(error: unknown): string {
  if (!(error instanceof WakesleepError)) throw error;
  return `${error.code}: ${error.message}`;
}
