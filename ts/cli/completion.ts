/**
 * `wakesleep completion`: a script that lets a shell complete commands, options and their values, made of the same tree of
 * commands that reads them, so that neither can know of one that the other does not.
 *
 * What a value may be follows from its name in the tree: `<up|down>` is one of these words, `<dir>` a folder, `<file>`, `<model>`
 * and `<data>` are files, and everything else (`<N>`, `<path=value>`) is left to the person.
 */
import type { Argument, Command, Option } from 'commander';
import { oneOf } from '../options.js';
import { recipes } from '../recipes/index.js';
import { exitStatus, type Output } from './output.js';

/** What a value may be. */
type Values =
  | { readonly kind: 'words' | 'wordsOrFiles'; readonly words: readonly string[] }
  | { readonly kind: 'files' | 'folders' | 'none' };

interface Completed {
  readonly name: string;
  readonly description: string;
  /** Long options, `--help` among them; those that take no value have none. */
  readonly options: readonly { readonly flag: string; readonly description: string; readonly values?: Values }[];
  readonly values: readonly Values[];
}

const shells = { bash, zsh, fish } as const;

/** Prints the script for a shell: bash, zsh or fish. */
export function completion(root: Command, shell: string, output: Output): number {
  const known = oneOf('completion', 'shell', shell, Object.keys(shells) as (keyof typeof shells)[]);
  const script = shells[known](root.commands.map(completed));
  output.object({ type: 'completion', shell: known, script });
  output.line(script.trimEnd());
  return exitStatus.done;
}

function completed(command: Command): Completed {
  const options = command.createHelp().visibleOptions(command);
  return {
    name: command.name(),
    description: command.description(),
    options: options.flatMap((option) => (option.long == null ? [] : [optionOf(option)])),
    values: command.registeredArguments.map((argument: Argument) => valuesOf(argument.name())),
  };
}

function optionOf({ long, description, flags }: Option) {
  const value = /[<[](.+)[>\]]/.exec(flags)?.[1];
  return { flag: long!, description, ...(value !== undefined && { values: valuesOf(value) }) };
}

function valuesOf(name: string): Values {
  if (name === 'recipe|config.json') return { kind: 'wordsOrFiles', words: recipes.map((recipe) => recipe.name) };
  if (name.includes('|')) return { kind: 'words', words: name.split('|') };
  if (name === 'dir') return { kind: 'folders' };
  return { kind: ['file', 'model', 'data'].includes(name) ? 'files' : 'none' };
}

const wordsOf = (values: Values | undefined): readonly string[] => (values && 'words' in values ? values.words : []);

/** A text as one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// ---- The shells ----

/** Where the function finds no words, bash completes names of files, unless nothing but the person knows the value. */
function bash(commands: readonly Completed[]): string {
  const reply = (words: readonly string[]) => `COMPREPLY=($(compgen -W ${quoted(words.join(' '))} -- "$word"))`;
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap(({ flag, values: own }) => {
      if (own === undefined) return [];
      const nothing = own.kind === 'none' ? 'compopt +o default 2>/dev/null; ' : '';
      const action = own.kind === 'words' ? `${reply(own.words)}; ` : nothing;
      return [`    ${quoted(`${name} ${flag}`)}) ${action}return ;;`];
    }),
  );
  const names = commands.map(({ name, options, values: own }) => {
    const flags = options.map(({ flag }) => flag);
    const first = wordsOf(own[0]);
    const others = first.length === 0 ? '' : ` [[ $word == -* ]] || ${reply(first)};`;
    return `    ${name}) [[ $word != -* ]] || ${reply(flags)};${others} return ;;`;
  });
  return `# Completion of wakesleep in bash: eval "$(wakesleep completion bash)"
_wakesleep() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command= place
  COMPREPLY=()
  for ((place = 1; place < COMP_CWORD; place++)); do
    if [[ \${COMP_WORDS[place]} != -* ]]; then command=\${COMP_WORDS[place]}; break; fi
  done
  case "$command $previous" in
${values.join('\n')}
  esac
  case $command in
    '') ${reply([...commands.map(({ name }) => name), '--help', '--version'])} ;;
${names.join('\n')}
  esac
}
complete -o default -F _wakesleep wakesleep
`;
}

function zsh(commands: readonly Completed[]): string {
  const action = (values: Values) => {
    if (values.kind === 'words') return `(${values.words.join(' ')})`;
    if (values.kind === 'wordsOrFiles') return `{ compadd ${values.words.join(' ')}; _files }`;
    return { files: '_files', folders: '_files -/', none: ' ' }[values.kind];
  };
  const inBrackets = (text: string) => text.replace(/[[\]:\\]/g, '\\$&');
  const cases = commands.map(({ name, options, values }) => {
    const specs = [
      ...options.map(({ flag, description, values: own }) => {
        return `*${flag}[${inBrackets(description)}]${own === undefined ? '' : `:value:${action(own)}`}`;
      }),
      ...values.map((own, place) => `${place + 1}:value:${action(own)}`),
    ];
    return `    ${name}) _arguments ${specs.map(quoted).join(' ')} ;;`;
  });
  const described = commands.map(({ name, description }) => quoted(`${name}:${description.replaceAll(':', '\\:')}`));
  return `#compdef wakesleep
# Completion of wakesleep in zsh, after compinit: eval "$(wakesleep completion zsh)"
_wakesleep() {
  local -a commands=(${described.join(' ')})
  if (( CURRENT == 2 )); then
    _describe command commands
    compadd -- --help --version
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join('\n')}
  esac
}
compdef _wakesleep wakesleep
`;
}

function fish(commands: readonly Completed[]): string {
  const files = { files: '-r -F', folders: "-x -a '(__fish_complete_directories)'", none: '-x' } as const;
  const lines = commands.flatMap(({ name, description, options, values }) => {
    const condition = quoted(`__fish_seen_subcommand_from ${name}`);
    const complete = (rest: string) => `complete -c wakesleep -n ${condition} ${rest}`;
    const words = values.flatMap(wordsOf);
    return [
      `complete -c wakesleep -n __fish_use_subcommand -a ${name} -d ${quoted(description)}`,
      ...options.map(({ flag, description: what, values: own }) => {
        const some = wordsOf(own);
        const takes =
          own === undefined
            ? ''
            : some.length > 0
              ? `-x -a ${quoted(some.join(' '))} `
              : `${files[own.kind as 'none']} `;
        return complete(`-l ${flag.slice(2)} ${takes}-d ${quoted(what)}`);
      }),
      ...(words.length > 0 ? [complete(`-a ${quoted(words.join(' '))}`)] : []),
      ...(values.some(({ kind }) => kind === 'files' || kind === 'wordsOrFiles') ? [complete('-F')] : []),
    ];
  });
  return `# Completion of wakesleep in fish: wakesleep completion fish | source
complete -c wakesleep -f
complete -c wakesleep -n __fish_use_subcommand -l help -d 'say what the command does'
complete -c wakesleep -n __fish_use_subcommand -l version -d 'print the version'
${lines.join('\n')}
`;
}
