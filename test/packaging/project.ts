/** The package as users get it: packed, and installed into an empty project with what it depends on. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FIXTURES = join(ROOT, 'test', 'packaging', 'fixtures');

export interface Packed {
  /** The path of the tarball. */
  readonly tarball: string;
  readonly bytes: number;
  readonly unpackedBytes: number;
  /** Paths of its files. */
  readonly files: readonly string[];
}

/** Runs a program to its end; throws with what it said where it fails. */
export function run(command: string, parameters: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, parameters, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${command} ${parameters.join(' ')} ended with ${status}.\n${stdout}\n${stderr}`);
  return stdout;
}

/** `npm pack` into `target/<name>`. */
export function pack(name: string): Packed {
  const folder = join(ROOT, 'target', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const said = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], ROOT);
  const [{ filename, size, unpackedSize, files }] = JSON.parse(said) as [
    { filename: string; size: number; unpackedSize: number; files: { path: string }[] },
  ];
  const tarball = join(folder, filename);
  return { tarball, bytes: size, unpackedBytes: unpackedSize, files: files.map(({ path }) => path) };
}

/** A project beside the tarball that has it installed, with the fixtures in it. */
export function install({ tarball }: Packed): string {
  const project = join(tarball, '..', 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true, "type": "module" }\n');
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', tarball], project);
  for (const name of readdirSync(FIXTURES)) cpSync(join(FIXTURES, name), join(project, name));
  return project;
}
