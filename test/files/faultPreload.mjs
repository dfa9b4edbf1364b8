// Loaded before a program (`node --import`), makes its N-th operation on files go wrong as WAKESLEEP_FAULT says, and writes
// how many operations there were to the file that WAKESLEEP_FAULT_COUNT names, when the program ends by itself.
import { writeFileSync } from 'node:fs';
import { installFault } from '../../dist/files/atomic.js';

const fault = installFault(process.env.WAKESLEEP_FAULT ?? 'none');
const countPath = process.env.WAKESLEEP_FAULT_COUNT;
if (countPath) process.on('exit', () => writeFileSync(countPath, String(fault.operations())));
