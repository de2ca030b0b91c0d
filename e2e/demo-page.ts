/** What tests of the demo share: opening it, and reaching into it. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright';
import type { BlockPointer, CheckReport, Store } from '../src/index.ts';

/** What the demo leaves within reach of tests. */
export interface DemoInside {
  readonly map: {
    readonly field: {
      readonly census: Float64Array;
      stateOf(cell: number): number;
      readonly shape: { readonly arenaCount: number; readonly arenaBlocks: number };
    };
  };
  readonly host: {
    readonly open: {
      readonly store: Store;
      readonly field: {
        readonly blockCount: number;
        pointerAt(address: number): BlockPointer | undefined;
      };
      readonly workloads: { stopAll(): Promise<void> };
    };
  };
}

declare global {
  var demo: DemoInside;
}

export async function waitForDemo(page: Page): Promise<void> {
  await page.locator('#board:not(.loading)').waitFor();
}

/** Runs the demo's own check by its button, and returns what the engine said. */
export async function checkDemo(page: Page): Promise<string> {
  await page.locator('#check').click();
  const verdict = page.locator('#check-report strong');
  await verdict.waitFor();
  return (await verdict.textContent()) ?? '';
}

/** The engine's census, fresh from the disk. */
export function censusOf(page: Page): Promise<CheckReport> {
  return page.evaluate(() => demo.host.open.store.check());
}

export interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly targets: string;
}

/** What axe-core calls serious or critical. */
export async function seriousFindings(page: Page): Promise<Finding[]> {
  const path = fileURLToPath(new URL('../node_modules/axe-core/axe.min.js', import.meta.url));
  await page.evaluate(await readFile(path, 'utf8'));
  return page.evaluate(async () => {
    const axe = (globalThis as unknown as { axe: AxeInside }).axe;
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, impact, nodes }) => ({
        id,
        impact: impact ?? '',
        targets: nodes.map(({ html }) => html).join('\n'),
      }));
  });
}

interface AxeInside {
  run(
    context: Document,
    options: { resultTypes: string[] },
  ): Promise<{
    violations: { id: string; impact: string | null; nodes: { html: string }[] }[];
  }>;
}
