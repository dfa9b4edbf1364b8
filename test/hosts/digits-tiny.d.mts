/** Trains the recipe `digits-tiny`; see digits-tiny.mjs. */
export function trainDigitsTiny(
  base: string,
  loadOptions: object,
  door?: 'load' | 'loadInWorker',
): Promise<{ bytes: Uint8Array<ArrayBuffer>; info: { artefact: string; threads: number; reason: string } }>;
