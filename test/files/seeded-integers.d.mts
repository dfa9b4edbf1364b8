export function seededIntegers(seed: number): (below: number) => number;
