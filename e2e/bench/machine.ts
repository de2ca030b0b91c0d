/** Where a run took place: figures without that mean nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, platform, release, totalmem } from 'node:os';

export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly browser: string;
  readonly packages: Record<string, string>;
}

const PACKAGES = [
  ...['@sqlite.org/sqlite-wasm', '@journeyapps/wa-sqlite', 'idb-keyval', 'hash-wasm', 'comlink'],
];

export function describeMachine(root: string, browser: string): Machine {
  return {
    date: new Date().toISOString(),
    commit: git(root, 'describe', '--always', '--dirty'),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    node: process.version,
    browser,
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(root, name)])),
  };
}

function versionOf(root: string, name: string): string {
  const text = readFileSync(`${root}/node_modules/${name}/package.json`, 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** A copy without its history has no commit. */
function git(root: string, ...command: string[]): string {
  try {
    return execFileSync('git', command, { cwd: root, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
