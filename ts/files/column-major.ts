/** Arrays in the order of Fortran and MATLAB, the first index fastest. */

/** The same array with the last index fastest. */
export function rowMajor<T extends Float32Array | Uint8Array>(values: T, shape: readonly number[]): T {
  if (shape.filter((side) => side !== 1).length < 2) return values;
  const turned = values.slice() as T;
  const strides: number[] = [];
  shape.reduce((stride, side) => {
    strides.push(stride);
    return stride * side;
  }, 1);
  const index = new Uint32Array(shape.length);
  let from = 0;
  for (let place = 0; place < turned.length; place += 1) {
    turned[place] = values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      index[axis]! += 1;
      from += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return turned;
}
