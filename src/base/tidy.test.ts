/**
 * The house rules, as a test (after TigerBeetle's `tidy`). Each rule is a function from a file to its breaches, and has
 * a test that shows it a breach: a rule that cannot fail is no rule.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly ast: ts.SourceFile;
  /** Its nodes, sorted once into what the rules look for: there are many of both. */
  readonly identifiers: readonly ts.Identifier[];
  readonly imports: readonly Import[];
  /** All but the identifiers. */
  readonly nodes: readonly ts.Node[];
}
type Rule = (file: SourceFile) => string[];

/** Types included: a type that points upward is a layer that knows too much. */
interface Import {
  readonly node: ts.Node;
  readonly specifier: string;
  /** The path of the file that a relative import names. Undefined for packages. */
  readonly target: string | undefined;
}

/**
 * From the bottom to the top: a folder may import itself and what stands before it. `src` is for the entries; simulated
 * disks are for the browser tests only.
 */
const LAYERS = [
  ...['base', 'format', 'device', 'shared', 'arena', 'epoch', 'cache', 'sync', 'store', 'client'],
  ...['src', 'workers', 'bench', 'demo', 'sim', 'scripts', 'e2e'],
];
/** What the benchmarks measure in a page: the harness and the demo run the same. */
const BENCH_PAGE = 'e2e/bench/page/';
const SCALE = 'src/sim/scale.ts';
/** The demo and the browser tests stand side by side. */
const SIDE_BY_SIDE = ['demo', 'e2e'];
const BROWSER_GLOBALS =
  /^(navigator|window|document|Worker|indexedDB|self|localStorage|FileSystem\w*)$/;
const BROWSER_CODE = /^(src\/device\/(opfs|liveness|damage)|src\/client\/|workers\/|demo\/|e2e\/)/;
const COLUMNS_MAX = 120;
const FUNCTION_LINES_MAX = 70;
/** Tests of something that is not one module. */
const TESTS_WITHOUT_MODULE = ['src/base/tidy.test.ts'];

function parse(path: string, text: string): SourceFile {
  const ast = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const identifiers: ts.Identifier[] = [];
  const imports: Import[] = [];
  const nodes: ts.Node[] = [];
  const collect = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      identifiers.push(node);
      return;
    }
    nodes.push(node);
    const specifier = specifierOf(node);
    if (specifier !== undefined) {
      imports.push({ node, specifier, target: targetOf(path, specifier) });
    }
    ts.forEachChild(node, collect);
  };
  collect(ast);
  return { path, text, ast, identifiers, imports, nodes };
}

function isTest(path: string): boolean {
  return /\.(test|bench)\.ts$/.test(path);
}

function breach({ path, ast }: SourceFile, node: ts.Node, message: string): string {
  const { line } = ast.getLineAndCharacterOfPosition(node.getStart(ast));
  return `${path}:${line + 1}: ${message}`;
}

/** The breaches among a file's nodes, as `path:line: message`; `judge` says what is wrong with a node. */
function breaches(file: SourceFile, judge: (node: ts.Node) => string | undefined): string[] {
  return file.nodes.flatMap((node) => {
    const message = judge(node);
    return message === undefined ? [] : [breach(file, node, message)];
  });
}

/** What a node imports. `new URL(…)` is not an import: the client names the workers it starts. */
function specifierOf(node: ts.Node): string | undefined {
  let specifier: ts.Node | undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    specifier = node.moduleSpecifier;
  } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    specifier = node.arguments[0];
  } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    specifier = node.argument.literal;
  }
  return specifier !== undefined && ts.isStringLiteral(specifier) ? specifier.text : undefined;
}

function targetOf(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return posix.join(posix.dirname(path), specifier.replace(/\?.*$/, ''));
}

function layerOf(path: string): string {
  if (path.startsWith(BENCH_PAGE)) return 'bench';
  const [top = '', folder = ''] = path.split('/');
  return top === 'src' && !folder.includes('.') ? folder : top;
}

function mayImport(path: string, target: string): boolean {
  const [from, to] = [layerOf(path), layerOf(target)];
  if (isTest(target)) return false;
  // Wherever there are tests, a quick run tries less.
  if (isTest(path) && target === SCALE) return true;
  // The demo shows the documents.
  if (from === 'demo' && target.endsWith('.md')) return true;
  if (from === 'sim' || from === 'src' || (isTest(path) && path.startsWith('src/'))) {
    return target.startsWith('src/');
  }
  if (SIDE_BY_SIDE.includes(from) && SIDE_BY_SIDE.includes(to)) return from === to;
  return LAYERS.includes(to) && LAYERS.indexOf(to) <= LAYERS.indexOf(from);
}

const importsPointDownward: Rule = (file) =>
  file.imports.flatMap(({ node, target }) =>
    target === undefined || mayImport(file.path, target)
      ? []
      : [breach(file, node, `must not import ${target}`)],
  );

const importsNameTheirExtension: Rule = (file) =>
  file.imports.flatMap(({ node, specifier, target }) =>
    target === undefined || /\.\w+$/.test(target)
      ? []
      : [breach(file, node, `no extension: ${specifier}`)],
  );

/** One cycle for each file that closes one. */
function cycles(files: readonly SourceFile[]): string[] {
  const targets = new Map(
    files.map(({ path, imports }) => [path, imports.flatMap(({ target }) => target ?? [])]),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const descend = (path: string, trail: readonly string[]): void => {
    const seen = trail.indexOf(path);
    if (seen >= 0) found.push([...trail.slice(seen), path].join(' → '));
    if (seen >= 0 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) descend(target, [...trail, path]);
    done.add(path);
  };
  for (const path of targets.keys()) descend(path, []);
  return found;
}

/** Whether the identifier means something outside the file: no property of something else, no name of its own. */
function isGlobal(node: ts.Identifier, declared: ReadonlySet<string>): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    return ts.isIdentifier(parent.expression) && parent.expression.text === 'globalThis';
  }
  if (ts.isQualifiedName(parent) && parent.right === node) return false;
  if (ts.isBindingElement(parent) && parent.propertyName === node) return false;
  if (declared.has(node.text)) return false;
  return ts.isShorthandPropertyAssignment(parent) || !('name' in parent && parent.name === node);
}

/** Names that the file itself gives to variables, parameters, imports, functions and types. */
function declaredNames(file: SourceFile): Set<string> {
  const names = new Set<string>();
  for (const node of file.nodes) {
    const isMember =
      ts.isClassElement(node) || ts.isTypeElement(node) || ts.isObjectLiteralElement(node);
    if (isMember || ts.isPropertyAccessExpression(node) || !('name' in node)) continue;
    const name = node.name as ts.Node | undefined;
    if (name !== undefined && ts.isIdentifier(name)) names.add(name.text);
  }
  return names;
}

function globals(file: SourceFile, pattern: RegExp): string[] {
  const declared = declaredNames(file);
  return file.identifiers
    .filter((node) => pattern.test(node.text) && isGlobal(node, declared))
    .map((node) => breach(file, node, `${node.text} is out of place`));
}

const browserGlobalsStayOutside: Rule = (file) =>
  BROWSER_CODE.test(file.path) ? [] : globals(file, BROWSER_GLOBALS);

const atomicsHaveOneHome: Rule = (file) =>
  file.path === 'src/shared/atomics.ts' || isTest(file.path) || file.path.startsWith('e2e/')
    ? []
    : globals(file, /^Atomics$/);

const linesAreShort: Rule = (file) =>
  file.text.split('\n').flatMap((line, index) => {
    const columns = [...line].length;
    return columns > COLUMNS_MAX ? [`${file.path}:${index + 1}: ${columns} columns`] : [];
  });

/** The function that `describe` is given is a heading, not a function. */
function isHeading(node: ts.Node): boolean {
  if (!ts.isCallExpression(node.parent)) return false;
  return /^(test\.)?describe\b/.test(node.parent.expression.getText());
}

const functionsAreShort: Rule = (file) =>
  breaches(file, (node) => {
    if (!ts.isFunctionLike(node) || isHeading(node)) return undefined;
    const first = file.ast.getLineAndCharacterOfPosition(node.getStart(file.ast)).line;
    const lines = file.ast.getLineAndCharacterOfPosition(node.end).line - first + 1;
    return lines > FUNCTION_LINES_MAX ? `a function of ${lines} lines` : undefined;
  });

const exportsHaveNames: Rule = (file) =>
  breaches(file, (node) => {
    if (/\.config\.ts$/.test(file.path)) return undefined;
    const isDefault =
      ts.isExportAssignment(node) ||
      (ts.isExportSpecifier(node) && node.name.text === 'default') ||
      node.kind === ts.SyntaxKind.DefaultKeyword;
    return isDefault && !ts.isDefaultClause(node) ? 'default export' : undefined;
  });

// In two halves, so that this file does not break its own rule.
const UNFINISHED = new RegExp(`\\b(TO${'DO'}|FIX${'ME'}|XX${'X'})\\b`);

const nothingIsPutOff: Rule = (file) =>
  file.text
    .split('\n')
    .flatMap((line, index) =>
      UNFINISHED.test(line) ? [`${file.path}:${index + 1}: do it, or write down why not`] : [],
    );

const noTestIsLeftOut: Rule = (file) =>
  breaches(file, (node) =>
    ts.isPropertyAccessExpression(node) &&
    /^(only|skip)$/.test(node.name.text) &&
    /^(test|it|describe|bench|suite)\b/.test(node.expression.getText())
      ? `.${node.name.text}`
      : undefined,
  );

/** To `toMatchObject` a regular expression is an object without properties, which every value has. */
const patternsAreMatched: Rule = (file) =>
  breaches(file, (node) => {
    if (!ts.isRegularExpressionLiteral(node)) return undefined;
    let call: ts.Node = node.parent;
    while (ts.isObjectLiteralElement(call) || ts.isObjectLiteralExpression(call))
      call = call.parent;
    return ts.isCallExpression(call) && /\.toMatchObject$/.test(call.expression.getText())
      ? 'matches everything: expect.stringMatching'
      : undefined;
  });

const nothingIsSwallowed: Rule = (file) =>
  breaches(file, (node) =>
    ts.isCatchClause(node) && node.block.statements.length === 0 ? 'empty catch' : undefined,
  );

function testsWithoutModule(paths: readonly string[]): string[] {
  return paths.filter((path) => {
    if (!isTest(path) || path.startsWith('e2e/') || TESTS_WITHOUT_MODULE.includes(path))
      return false;
    return !paths.includes(path.replace(/(\.fuzz)?\.(test|bench)\.ts$/, '.ts'));
  });
}

/** Tracked files and those that could be: what a commit would take. */
function sourceFiles(): SourceFile[] {
  const flags = ['--cached', '--others', '--exclude-standard', '-z'];
  const folders = ['src', 'workers', 'demo', 'e2e'];
  const list = execFileSync('git', ['ls-files', ...flags, '--', ...folders], { encoding: 'utf8' });
  return list
    .split('\0')
    .filter((path) => path.endsWith('.ts') && existsSync(path))
    .map((path) => parse(path, readFileSync(path, 'utf8')));
}

describe('the tree keeps the house rules', () => {
  const files = sourceFiles();
  const rules: [string, Rule][] = [
    ['imports point downward', importsPointDownward],
    ['imports name their extension', importsNameTheirExtension],
    ['browser globals stay in the outer layers', browserGlobalsStayOutside],
    ['Atomics are named in shared/atomics only', atomicsHaveOneHome],
    ['lines are short', linesAreShort],
    ['functions are short', functionsAreShort],
    ['exports have names', exportsHaveNames],
    ['nothing is put off', nothingIsPutOff],
    ['no test is left out', noTestIsLeftOut],
    ['patterns are matched', patternsAreMatched],
    ['nothing is swallowed', nothingIsSwallowed],
  ];

  test.each(rules)('%s', (_, rule) => {
    expect(files.flatMap(rule)).toEqual([]);
  });

  test('no file imports itself, not even by a detour', () => {
    expect(cycles(files)).toEqual([]);
  });

  test('a test stands beside what it tests', () => {
    expect(testsWithoutModule(files.map((file) => file.path))).toEqual([]);
  });

  test('and the rules are shown the whole tree', () => {
    expect(files.map((file) => file.path)).toContain('src/base/tidy.test.ts');
    expect(files.length).toBeGreaterThan(10);
  });
});

const LONG = `() => {\n${'  work();\n'.repeat(69)}}`;

describe('the rules notice', () => {
  const notices: [string, Rule, string, string][] = [
    [
      'an import that points upward',
      importsPointDownward,
      'src/arena/a.ts',
      "import '../sync/b.ts';",
    ],
    [
      'a type that does',
      importsPointDownward,
      'src/base/a.ts',
      "type A = import('../sync/b.ts').B;",
    ],
    [
      'a late import that does',
      importsPointDownward,
      'src/base/a.ts',
      "await import('../sync/b.ts');",
    ],
    ['an export that does', importsPointDownward, 'src/base/a.ts', "export * from '../sync/b.ts';"],
    [
      'simulated disks in the engine',
      importsPointDownward,
      'src/store/a.ts',
      "import '../sim/b.ts';",
    ],
    ['a test that is imported', importsPointDownward, 'src/store/a.ts', "import './b.test.ts';"],
    ['an entry that is imported', importsPointDownward, 'src/client/a.ts', "import '../index.ts';"],
    ['a folder without a layer', importsPointDownward, 'src/store/a.ts', "import '../utils/b.ts';"],
    ['a browser test in the demo', importsPointDownward, 'demo/a.ts', "import '../e2e/b.ts';"],
    [
      'the harness in a measurement',
      importsPointDownward,
      'e2e/bench/page/a.ts',
      "import '../main.ts';",
    ],
    ['the demo in a browser test', importsPointDownward, 'e2e/a.ts', "import '../demo/b.ts';"],
    ['an import without extension', importsNameTheirExtension, 'src/base/a.ts', "import './b';"],
    ['a global', browserGlobalsStayOutside, 'src/store/a.ts', 'navigator.locks;'],
    ['a global in disguise', browserGlobalsStayOutside, 'src/store/a.ts', 'globalThis.navigator;'],
    [
      'a global type',
      browserGlobalsStayOutside,
      'src/store/a.ts',
      'type A = FileSystemFileHandle;',
    ],
    ['a global in an object', browserGlobalsStayOutside, 'src/store/a.ts', 'use({ self });'],
    ['Atomics elsewhere', atomicsHaveOneHome, 'src/cache/a.ts', 'Atomics.load(words, 0);'],
    ['a line of 121 columns', linesAreShort, 'src/base/a.ts', `// ${'x'.repeat(118)}`],
    ['a function of 71 lines', functionsAreShort, 'src/base/a.ts', `export const a = ${LONG};`],
    ['a test of 71 lines', functionsAreShort, 'src/base/a.test.ts', `test('a', ${LONG});`],
    ['a default export', exportsHaveNames, 'src/base/a.ts', 'export default function a() {}'],
    ['another', exportsHaveNames, 'src/base/a.ts', 'export default 1;'],
    ['and another', exportsHaveNames, 'src/base/a.ts', 'const a = 1; export { a as default };'],
    ['what is put off', nothingIsPutOff, 'src/base/a.ts', `// TO${'DO'}: later`],
    ['a test that is left out', noTestIsLeftOut, 'src/base/a.test.ts', "test.skip('a', () => {});"],
    ['all tests but one', noTestIsLeftOut, 'src/base/a.test.ts', "describe.only('a', () => {});"],
    [
      'a pattern that matches everything',
      patternsAreMatched,
      'src/base/a.test.ts',
      'expect(a).toMatchObject({ cause: { message: /b/ } });',
    ],
    ['a swallowed error', nothingIsSwallowed, 'src/base/a.ts', 'try { a(); } catch { /* no */ }'],
  ];

  test.each(notices)('%s', (_, rule, path, text) => {
    expect(rule(parse(path, text))).toHaveLength(1);
  });

  test('cycles, of one file too', () => {
    const a = parse('src/base/a.ts', "import './b.ts';");
    const b = parse('src/base/b.ts', "import type { A } from './a.ts';");
    const c = parse('src/base/c.ts', "import './c.ts';");
    expect(cycles([a, b, c])).toEqual([
      'src/base/a.ts → src/base/b.ts → src/base/a.ts',
      'src/base/c.ts → src/base/c.ts',
    ]);
  });

  test('a test without its module', () => {
    const paths = ['src/a/b.ts', 'src/a/b.test.ts', 'src/a/b.fuzz.test.ts', 'src/a/c.bench.ts'];
    expect(testsWithoutModule(paths)).toEqual(['src/a/c.bench.ts']);
  });
});

describe('the rules leave alone', () => {
  const leaves: [string, Rule, string, string][] = [
    [
      'imports that point downward',
      importsPointDownward,
      'src/sync/a.ts',
      "import '../base/b.ts';",
    ],
    ['packages', importsPointDownward, 'src/base/a.ts', "import 'fast-check';"],
    ['tests', importsPointDownward, 'src/base/a.test.ts', "import '../sim/b.ts';"],
    ['a share', importsPointDownward, 'demo/a.test.ts', "import '../src/sim/scale.ts';"],
    ['entries', importsPointDownward, 'src/testing.ts', "import './sim/b.ts';"],
    ['measurements', importsPointDownward, 'demo/a.ts', "import '../e2e/bench/page/b.ts';"],
    ['workers', importsPointDownward, 'workers/a.ts', "import '../src/store/b.ts';"],
    ['names of our own', browserGlobalsStayOutside, 'src/store/a.ts', 'const self = 1; use(self);'],
    ['properties', browserGlobalsStayOutside, 'src/store/a.ts', 'use(a.window, { document: 1 });'],
    ['members', browserGlobalsStayOutside, 'src/store/a.ts', 'interface A { readonly self: 1 }'],
    ['browser code', browserGlobalsStayOutside, 'src/device/opfs.ts', 'navigator.storage;'],
    ['120 columns', linesAreShort, 'src/base/a.ts', `// ${'…'.repeat(117)}`],
    ['a default clause', exportsHaveNames, 'src/base/a.ts', 'switch (a) { default: b(); }'],
    [
      'a pattern that is matched',
      patternsAreMatched,
      'src/base/a.test.ts',
      'expect(a).toMatchObject({ b: expect.stringMatching(/c/) });',
    ],
    ['headings', functionsAreShort, 'src/base/a.test.ts', `describe('a', ${LONG});`],
    [
      'an error that is answered',
      nothingIsSwallowed,
      'src/base/a.ts',
      'try {} catch { return 1; }',
    ],
  ];

  test.each(leaves)('%s', (_, rule, path, text) => {
    expect(rule(parse(path, text))).toEqual([]);
  });
});
