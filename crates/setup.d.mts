/** What tests use of setup.mjs. */
export const ROOT: string;
export const TEST_NODES: readonly string[];
export function findChromium(): string | undefined;
export function testNodePath(version: string): string;
export function testHostPath(name: 'deno' | 'bun' | 'workerd'): string;
