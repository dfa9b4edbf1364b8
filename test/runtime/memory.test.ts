/** The engine's memory: buffers and views, and errors in words where it ends. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { load } from '../../dist/runtime/load.js';
import { createMemory, PAGE_BYTES } from '../../dist/runtime/memory.js';

const MEBIBYTE = 1 << 20;

afterEach(() => {
  vi.unstubAllGlobals();
});

describe.each(['st', 'mt'] as const)('buffers of %s', (artefact) => {
  it('are zeroed, and seen alike through every view', async () => {
    using runtime = await load({ threads: 1, artefact });
    for (const bytes of [0, 1, 7, 8, 64, 65, 100_000]) {
      const buffer = runtime.allocate(bytes);
      expect(buffer.byteLength).toBe(bytes);
      expect(buffer.bytes().every((byte) => byte === 0)).toBe(true);
      expect(buffer.floats()).toHaveLength(Math.floor(bytes / 4));
      expect(buffer.doubles()).toHaveLength(Math.floor(bytes / 8));
      expect(buffer.words()).toHaveLength(Math.floor(bytes / 4));
      expect(buffer.halfwords()).toHaveLength(Math.floor(bytes / 2));
      buffer.bytes().fill(1);
      expect(buffer.words().every((word) => word === 0x0101_0101)).toBe(true);
      buffer.free();
    }
  });

  it('keep their contents when the memory grows', async () => {
    using runtime = await load({ threads: 1, artefact });
    const buffer = runtime.allocate(1000);
    buffer.bytes().fill(7);
    const before = runtime.views.bytesInUse;
    runtime.allocate(8 * MEBIBYTE);
    expect(runtime.views.bytesInUse).toBeGreaterThan(before);
    expect(buffer.bytes().every((byte) => byte === 7)).toBe(true);
  });

  it('are used again after free()', async () => {
    using runtime = await load({ threads: 1, artefact, maxMemoryBytes: 16 * MEBIBYTE });
    for (let round = 0; round < 100; round += 1) runtime.allocate(8 * MEBIBYTE).free();
    expect(runtime.views.bytesInUse).toBeLessThanOrEqual(16 * MEBIBYTE);
  });

  it('end at maxMemoryBytes, with an error in words, and the engine goes on', async () => {
    using runtime = await load({ threads: 1, artefact, maxMemoryBytes: 16 * MEBIBYTE });
    expect(runtime.info.maxMemoryBytes).toBe(16 * MEBIBYTE);
    for (const bytes of [32 * MEBIBYTE, 3 * 1024 * MEBIBYTE, 8 * 1024 * MEBIBYTE]) {
      const inUse = runtime.views.bytesInUse;
      const message =
        `There is no memory for a buffer of ${bytes} bytes: the engine has ${inUse} bytes, ` +
        `and may have at most ${16 * MEBIBYTE} (\`maxMemoryBytes\`).`;
      const error = expect.objectContaining({ code: 'OUT_OF_MEMORY', message, given: bytes });
      expect(() => runtime.allocate(bytes)).toThrow(error);
    }
    expect(runtime.allocate(MEBIBYTE).byteLength).toBe(MEBIBYTE);
  });
});

describe('a host that refuses a large memory', () => {
  /** Refuses a maximum above `mostPages`, as phones and limited processes do. */
  function refuseAbove(mostPages: number): void {
    const Memory = new Proxy(WebAssembly.Memory, {
      construct(target, [descriptor]: [WebAssembly.MemoryDescriptor]) {
        if (descriptor.maximum! > mostPages) throw new RangeError('could not allocate memory');
        return new target(descriptor);
      },
    });
    vi.stubGlobal('WebAssembly', { Memory });
  }

  it('gets half of it, or a quarter', () => {
    refuseAbove(20_000);
    const { maxMemoryBytes, memory } = createMemory(true, 18, 2 ** 32);
    expect(maxMemoryBytes).toBe(16_384 * PAGE_BYTES);
    expect(memory.buffer.byteLength).toBe(18 * PAGE_BYTES);
  });

  it('may refuse even the least', () => {
    refuseAbove(10);
    const message = `The host refuses a memory of ${18 * PAGE_BYTES} bytes.`;
    expect(() => createMemory(false, 18, 2 ** 32)).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY', message }));
  });
});
