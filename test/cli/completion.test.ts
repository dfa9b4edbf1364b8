/** Completion scripts, of the tree of commands itself: bash runs its own, and every shell's names whatever `--help` names. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { recipes } from '../../dist/recipes/index.js';
import { temporaryFolder, wakesleep } from './command.js';

const folder = temporaryFolder();
const scripts: Record<string, string> = {};
/** What `--help` says: commands, and the long options of each. */
const said = new Map<string, string[]>();

beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const ended = await wakesleep(['completion', shell]);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    scripts[shell] = ended.stdout;
  }
  writeFileSync(join(folder, 'completion.bash'), scripts.bash!);
  const { stdout } = await wakesleep(['--help']);
  const commands = stdout.slice(stdout.indexOf('Commands:')).match(/^ {2}([a-z]+)(?= )/gm)!;
  for (const name of commands.map((line) => line.trim())) {
    const help = (await wakesleep([name, '--help'])).stdout;
    const options = help.slice(help.indexOf('Options:')).match(/^ {2}--[a-z-]+/gm)!;
    said.set(
      name,
      options.map((option) => option.trim()),
    );
  }
  expect([...said.keys()]).toEqual(expect.arrayContaining(['train', 'convert', 'completion', 'show']));
});

/** What bash completes a line to, its last word being the one that is completed; sorted. */
function completed(...line: string[]): string[] {
  const program = `
source ./completion.bash
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_wakesleep
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', program, 'bash', 'wakesleep', ...line], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout
    .split('\n')
    .filter((word) => word !== '')
    .sort();
}

describe('bash', () => {
  it('completes commands', () => {
    expect(completed('')).toEqual(['--help', '--version', ...said.keys()].sort());
    expect(completed('con')).toEqual(['convert']);
    expect(completed('s')).toEqual(['sample', 'score', 'show']);
    expect(completed('--v')).toEqual(['--version']);
  });

  it('completes the options of each command', () => {
    for (const [name, options] of said) expect(completed(name, '--')).toEqual([...options].sort());
    expect(completed('train', 'digits-tiny', '--res')).toEqual(['--resume']);
  });

  it('completes recipes, and values that are one of a few words', () => {
    expect(completed('train', '')).toEqual(recipes.map(({ name }) => name).sort());
    expect(completed('train', 'digits')).toEqual(['digits-tiny']);
    expect(completed('convert', 'a.safetensors', '--to', '')).toEqual(['npz', 'onnx', 'safetensors']);
    expect(completed('convert', 'a.safetensors', '--to', 'o')).toEqual(['onnx']);
    expect(completed('info', '--artefact', 'm')).toEqual(['mt', 'mt-relaxed']);
    expect(completed('completion', '')).toEqual(['bash', 'fish', 'zsh']);
  });

  it('leaves files and folders to bash, and numbers to the person', () => {
    for (const line of [
      ['show', ''],
      ['convert', 'x', '--out', ''],
      ['train', '--seed', ''],
    ]) {
      expect(completed(...line)).toEqual([]);
    }
  });

  it('completes at the prompt of a shell that a person types into', () => {
    mkdirSync(join(folder, 'pictures'));
    // Python's pseudo-terminal stands for the person.
    const program = `
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
said = b""
def read(until):
    global said
    said, end = b"", time.time() + 20
    while until not in said and time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            said += os.read(fd, 65536)
    return said.decode()
os.write(fd, b"PS1='ready> '; bind 'set enable-bracketed-paste off'; source ./completion.bash; wakesleep() { echo \\"[$*]\\"; }; echo do''ne\\n")
read(b"done\\r\\n")
for line, wanted in ((b"wakesleep conv\\ta --to on\\t\\n", b"[convert a --to onnx]"), (b"wakesleep show x --out pict\\t\\n", b"[show x --out pictures/]")):
    os.write(fd, line)
    print(wanted.decode() in read(wanted))
os.write(fd, b"exit\\n")`;
    const { stdout, stderr } = spawnSync('python3', ['-c', program], { cwd: folder, encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: 'True\nTrue\n', stderr: '' });
  });
});

describe('zsh and fish', () => {
  it.each(['zsh', 'fish'])('%s names every command, option, recipe and word', (shell) => {
    const script = scripts[shell]!;
    for (const [name, options] of said) {
      const own = script
        .split('\n')
        .filter((line) => line.includes(shell === 'zsh' ? `    ${name}) ` : `from ${name}'`))
        .join('\n');
      for (const option of options) expect(own).toContain(shell === 'zsh' ? `${option}[` : `-l ${option.slice(2)} `);
    }
    for (const { name } of recipes) expect(script).toContain(name);
    expect(script).toContain('onnx npz safetensors');
  });
});

describe('completion', () => {
  it('is one object with --json', async () => {
    const { stdout, status } = await wakesleep(['completion', 'bash', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ type: 'completion', shell: 'bash', script: scripts.bash });
  });

  it('refuses other shells', async () => {
    const words = '`shell` must be "bash", "zsh" or "fish"; got "bsh". Did you mean "bash"?\n';
    expect(await wakesleep(['completion', 'bsh'])).toMatchObject({ status: 2, stdout: '', stderr: words });
    const none = "Missing required argument 'bash|zsh|fish'.\n";
    expect(await wakesleep(['completion'])).toMatchObject({ status: 2, stderr: none });
  });
});
