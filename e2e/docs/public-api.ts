/** What the entries export, as the compiler sees it, and what is written above each of it. */
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface PublicSymbol {
  /** Such as `Store.read`. */
  readonly name: string;
  /** The first entry that exports it, such as `src/index.ts`. */
  readonly entry: string;
  /** Path and line, to go to. */
  readonly place: string;
  readonly kind: 'function' | 'class' | 'method' | 'member' | 'type' | 'constant';
  /** What stands above it, without its tags. */
  readonly text: string;
  readonly throws: readonly string[];
  readonly examples: readonly string[];
}

export const ENTRIES = ['src/index.ts', 'src/worker.ts', 'src/testing.ts'];

export function compilerOptions(): ts.CompilerOptions {
  const config = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  return ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT).options;
}

/** All exported symbols, and the public members of classes and interfaces among them. */
export function publicSymbols(entries: readonly string[]): PublicSymbol[] {
  const program = ts.createProgram(
    entries.map((path) => join(ROOT, path)),
    compilerOptions(),
  );
  const checker = program.getTypeChecker();
  const found = new Map<ts.Node, PublicSymbol>();
  for (const path of entries) {
    const source = program.getSourceFile(join(ROOT, path));
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`${path} is not a module`);
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = resolved(exported, checker);
      for (const declaration of symbol.declarations ?? []) {
        for (const [node, name] of withMembers(declaration, symbol.name)) {
          if (!found.has(node)) found.set(node, { ...describe(node, name, checker), entry: path });
        }
      }
    }
  }
  return [...found.values()];
}

function resolved(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function withMembers(declaration: ts.Declaration, name: string): [ts.Declaration, string][] {
  const all: [ts.Declaration, string][] = [[declaration, name]];
  if (!ts.isClassDeclaration(declaration) && !ts.isInterfaceDeclaration(declaration)) return all;
  for (const member of declaration.members) {
    if (isHidden(member) || ts.isConstructorDeclaration(member)) continue;
    if (ts.isClassStaticBlockDeclaration(member) || ts.isSemicolonClassElement(member)) continue;
    all.push([member, `${name}.${member.name?.getText() ?? ''}`]);
  }
  return all;
}

function isHidden(member: ts.ClassElement | ts.TypeElement): boolean {
  const flags = ts.getCombinedModifierFlags(member);
  if (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) return true;
  if (member.name !== undefined && ts.isPrivateIdentifier(member.name)) return true;
  return ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal');
}

function describe(
  node: ts.Declaration,
  name: string,
  checker: ts.TypeChecker,
): Omit<PublicSymbol, 'entry'> {
  const source = node.getSourceFile();
  const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
  // What a variable is said to be stands above its statement.
  const owner = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  const comments = ts.getJSDocCommentsAndTags(owner).filter(ts.isJSDoc);
  const tags = ts.getJSDocTags(node);
  const tagged = (tag: string): string[] =>
    tags
      .filter(({ tagName }) => tagName.text === tag)
      .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '');
  return {
    name,
    place: `${relative(ROOT, source.fileName)}:${line}`,
    kind: kindOf(node, checker),
    text: comments.map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '').join('\n'),
    throws: tagged('throws'),
    examples: tagged('example'),
  };
}

function kindOf(node: ts.Declaration, checker: ts.TypeChecker): PublicSymbol['kind'] {
  if (ts.isFunctionDeclaration(node)) return 'function';
  if (ts.isClassDeclaration(node)) return 'class';
  if (ts.isMethodDeclaration(node)) return 'method';
  if (ts.isVariableDeclaration(node)) return 'constant';
  if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return 'type';
  const isCallable = checker.getTypeAtLocation(node).getCallSignatures().length > 0;
  return ts.isMethodSignature(node) && isCallable ? 'method' : 'member';
}
