/**
 * The engine's memory seen from TypeScript: the only file that turns addresses into typed arrays.
 *
 * A view is made anew at every call and must not be kept: when the memory grows, views of a memory that is not shared
 * lose their contents.
 */
import { WakesleepError } from '../errors.js';
import type { Buffer as KernelBuffer } from '../wasm/st.js';

/** 64 KiB, the unit in which a wasm memory grows. */
export const PAGE_BYTES = 65_536;

/** 4 GiB: 32-bit addresses end there. */
export const MOST_PAGES = 65_536;

/**
 * A new memory of `initialPages` that may grow to `maximumBytes`, or to the half, quarter, ... that the host is willing to
 * reserve (phones and limited processes refuse a large maximum). Throws `OUT_OF_MEMORY` where it refuses even the least.
 */
export function createMemory(
  shared: boolean,
  initialPages: number,
  maximumBytes: number,
): { memory: WebAssembly.Memory; maxMemoryBytes: number } {
  let maximum = Math.max(initialPages, Math.min(MOST_PAGES, Math.floor(maximumBytes / PAGE_BYTES)));
  for (;;) {
    try {
      const memory = new WebAssembly.Memory({ initial: initialPages, maximum, shared });
      return { memory, maxMemoryBytes: maximum * PAGE_BYTES };
    } catch (cause) {
      if (maximum === initialPages) {
        const message = `The host refuses a memory of ${initialPages * PAGE_BYTES} bytes.`;
        throw new WakesleepError('OUT_OF_MEMORY', message, { cause });
      }
      maximum = Math.max(initialPages, Math.floor(maximum / 2));
    }
  }
}

/** Typed arrays over parts of the memory: `length` elements from `address`. None may outlive the call it is made for. */
export class Views {
  readonly #memory: WebAssembly.Memory;

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Bytes that the memory has now; it never shrinks. */
  get bytesInUse(): number {
    return this.#memory.buffer.byteLength;
  }

  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, address, length);
  }

  doubles(address: number, length: number): Float64Array {
    return new Float64Array(this.#memory.buffer, address, length);
  }

  words(address: number, length: number): Uint32Array {
    return new Uint32Array(this.#memory.buffer, address, length);
  }

  halfwords(address: number, length: number): Uint16Array {
    return new Uint16Array(this.#memory.buffer, address, length);
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, length);
  }
}

/** A zeroed, 64-byte-aligned part of the memory that belongs to whoever allocated it, until `free()`. */
export class EngineBuffer {
  readonly byteLength: number;
  readonly #handle: KernelBuffer;
  readonly #address: number;
  readonly #views: Views;
  #isFreed = false;

  constructor(handle: KernelBuffer, views: Views) {
    this.#handle = handle;
    this.byteLength = handle.byteLength;
    this.#address = handle.address;
    this.#views = views;
  }

  /** What kernels take. Throws `OPTION_INVALID` once the memory was given back, as the views do. */
  get handle(): KernelBuffer {
    this.#refuseFreed();
    return this.#handle;
  }

  /** All of it as `f32`; an incomplete element at the end is left out, as in the other views. */
  floats(): Float32Array {
    this.#refuseFreed();
    return this.#views.floats(this.#address, Math.floor(this.byteLength / 4));
  }

  /** All of it as `f64`. */
  doubles(): Float64Array {
    this.#refuseFreed();
    return this.#views.doubles(this.#address, Math.floor(this.byteLength / 8));
  }

  /** All of it as `u32`. */
  words(): Uint32Array {
    this.#refuseFreed();
    return this.#views.words(this.#address, Math.floor(this.byteLength / 4));
  }

  /** All of it as `u16`. */
  halfwords(): Uint16Array {
    this.#refuseFreed();
    return this.#views.halfwords(this.#address, Math.floor(this.byteLength / 2));
  }

  /** All of it as `u8`. */
  bytes(): Uint8Array {
    this.#refuseFreed();
    return this.#views.bytes(this.#address, this.byteLength);
  }

  /** Gives the memory back; its views must not be used after. Does nothing a second time, or once the engine has ended. */
  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    this.#handle.free();
  }

  #refuseFreed(): void {
    if (this.#isFreed) throw freed('What is asked for is');
  }

  [Symbol.dispose](): void {
    this.free();
  }
}

/** The error of a question to what was given back with `free()`; `what` is the sentence's start. */
export function freed(what: string): WakesleepError {
  return new WakesleepError('OPTION_INVALID', `${what} gone: \`free()\` gave the memory back.`, { where: 'free()' });
}
