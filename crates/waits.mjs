/**
 * Works around a fault of V8 11.3 (Node 20): its baseline compiler loses the registers of locals over
 * `memory.atomic.wait32`, so that code after a wait goes on with wrong numbers (a parked thread then waits at address 0
 * for ever, which hangs the start of the pool; `node --no-liftoff` does not show it). Here every wait is moved into a
 * function of its own, in which nothing is used after it; calls keep their callers' locals.
 */

const WAIT = /\(memory\.atomic\.wait32(?: offset=(\d+))?(?=\s)/g;

/** Rewrites the text form of a module; fails when it has no wait, since then the pattern is stale. */
export function moveWaits(text) {
  const offsets = new Set();
  const rewritten = text.replace(WAIT, (_, offset = '0') => {
    offsets.add(offset);
    return `(call $wait_at_${offset}`;
  });
  if (offsets.size === 0) throw new Error('No wait was found to move: is crates/waits.mjs still needed?');
  const functions = [...offsets].map(
    (offset) =>
      ` (func $wait_at_${offset} (param $address i32) (param $expected i32) (param $timeout i64) (result i32)\n` +
      `  (memory.atomic.wait32 offset=${offset} (local.get $address) (local.get $expected) (local.get $timeout)))\n`,
  );
  const end = rewritten.lastIndexOf(')');
  return `${rewritten.slice(0, end)}${functions.join('')})\n`;
}
