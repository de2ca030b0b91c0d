/** Runs single tests in a vitest of their own, with or without a sabotage, and says what became of them. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SABOTAGE_VARIABLE } from './sabotage-plugin.ts';

export interface TestVerdict {
  /** Full names of the tests that ran, by how they ended. */
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** The file could not be loaded, or nothing ran: what vitest said. */
  readonly broken: string | undefined;
}

interface JsonReport {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** The tests of `file` with one of these titles, or all of its tests when there are none. */
export function runTests(
  file: string,
  titles: readonly string[],
  sabotage?: string,
): Promise<TestVerdict> {
  const folder = mkdtempSync(join(tmpdir(), 'sabotage-'));
  const report = join(folder, 'report.json');
  const pattern = titles.map((title) => `^${escapeRegex(title)}$`).join('|');
  const args = [
    ...['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.crash.config.ts', file],
    ...['--reporter', 'json', '--outputFile', report],
    ...(titles.length === 0 ? [] : ['-t', pattern]),
  ];
  const env = { ...process.env, [SABOTAGE_VARIABLE]: sabotage ?? 'none' };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env }, (_, stdout, stderr) => {
      resolve(verdictOf(report, `${stdout}\n${stderr}`));
      rmSync(folder, { recursive: true });
    });
  });
}

function verdictOf(report: string, output: string): TestVerdict {
  let found: JsonReport;
  try {
    found = JSON.parse(readFileSync(report, 'utf8')) as JsonReport;
  } catch (error) {
    return { passed: [], failed: [], broken: `${String(error)}\n${output}` };
  }
  const results = found.testResults.flatMap(({ assertionResults }) => assertionResults);
  const names = (status: string) =>
    results.filter((each) => each.status === status).map(({ fullName }) => fullName);
  const [passed, failed] = [names('passed'), names('failed')];
  const messages = found.testResults.map(({ message }) => message).join('\n');
  const broken = passed.length + failed.length === 0 ? `${messages}\n${output}` : undefined;
  return { passed, failed, broken };
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
