/** The table of what can be asked for through a worker names every public member of the real classes, and nothing else. */
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { members } from '../../dist/remote/members.js';

const SOURCES = {
  Engine: 'engine.ts',
  Dataset: 'data/dataset.ts',
  Model: 'model.ts',
  Run: 'learn/run.ts',
  Parameter: 'parameter.ts',
};

/** The public members of a class, read from its source, which alone says what is internal. */
function publicMembers(kind: keyof typeof SOURCES): { methods: string[]; properties: string[] } {
  const path = fileURLToPath(new URL(`../../ts/${SOURCES[kind]}`, import.meta.url));
  const source = ts.createSourceFile(path, ts.sys.readFile(path)!, ts.ScriptTarget.ES2022, true);
  const found = source.statements.find((node) => ts.isClassDeclaration(node) && node.name?.text === kind);
  const [methods, properties] = [new Set<string>(), new Set<string>()];
  for (const member of (found as ts.ClassDeclaration).members) {
    if (ts.isConstructorDeclaration(member)) {
      for (const parameter of member.parameters)
        if (parameter.modifiers && isPublic(parameter)) add(properties, parameter);
    } else if (isPublic(member)) add(ts.isMethodDeclaration(member) ? methods : properties, member);
  }
  return { methods: [...methods].sort(), properties: [...properties].sort() };
}

function isPublic(node: ts.ClassElement | ts.ParameterDeclaration): boolean {
  const hidden = [ts.SyntaxKind.PrivateKeyword, ts.SyntaxKind.ProtectedKeyword, ts.SyntaxKind.StaticKeyword];
  const isHidden = (ts.getModifiers(node as ts.MethodDeclaration) ?? []).some(({ kind }) => hidden.includes(kind));
  return !isHidden && !node.getFullText().slice(0, node.getLeadingTriviaWidth()).includes('@internal');
}

/** Members whose name is no plain word are private (`#`) or a symbol's, which handles have in a way of their own. */
function add(names: Set<string>, { name }: ts.ClassElement | ts.ParameterDeclaration): void {
  if (name !== undefined && ts.isIdentifier(name)) names.add(name.text);
}

it.each(Object.keys(members) as (keyof typeof members)[])('names the public members of %s', (kind) => {
  const { methods, properties } = members[kind];
  expect({ methods: [...methods].sort(), properties: [...properties].sort() }).toEqual(publicMembers(kind));
});

it('finds what is public', () => {
  const { methods, properties } = publicMembers('Model');
  expect(methods).toContain('importanceLogLikelihoodAsync');
  expect(properties).toContain('updates');
  expect([...methods, ...properties]).not.toContain('countUpdates');
  expect([...methods, ...properties]).not.toContain('parameters');
});
