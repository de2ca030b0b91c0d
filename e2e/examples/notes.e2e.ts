/** The notes app in a real browser: what was kept is there after a crash of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { expect, test } from 'vitest';
import { launch, removeProfile } from '../browser.ts';
import { startServer } from '../server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

async function buildNotes(): Promise<string> {
  const outDir = await mkdtemp(join(tmpdir(), 'opfs-blocks-notes-'));
  await build({
    configFile: false,
    root: join(ROOT, 'e2e/examples/notes'),
    base: './',
    logLevel: 'warn',
    resolve: { alias: { 'opfs-blocks': join(ROOT, 'src/index.ts') } },
    build: { outDir, emptyOutDir: true, target: 'es2022' },
    worker: { format: 'es' },
  });
  return outDir;
}

test('notes are kept, and survive a crash of the browser', async () => {
  const folder = await buildNotes();
  const server = await startServer(folder);
  let browser = await launch();
  const { profile } = browser;
  try {
    const page = await browser.newPage(server.url);
    const items = page.locator('p');
    for (const [index, text] of ['milk', 'eggs', 'a long note '.repeat(300)].entries()) {
      await page.getByLabel('A new note').fill(text);
      await page.getByRole('button', { name: 'Keep' }).click();
      await items.nth(index).waitFor();
    }
    await browser.kill();
    browser = await launch(profile);
    const again = await browser.newPage(server.url);
    await again.locator('p').nth(2).waitFor();
    const texts = await again.locator('p').allTextContents();
    expect(texts).toEqual(['a long note '.repeat(300), 'eggs', 'milk']);
  } finally {
    await browser.close();
    await removeProfile(profile);
    await server.close();
    await rm(folder, { recursive: true });
  }
});
