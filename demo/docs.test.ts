import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DOCUMENT_NAMES, type DocumentName, idOf, placeOf, renderDocument } from './docs.ts';

const PATHS: Record<DocumentName, string> = {
  readme: 'README.md',
  architecture: 'src/ARCHITECTURE.md',
  format: 'src/FORMAT.md',
  testing: 'src/TESTING.md',
};

function pageOf(name: DocumentName): string {
  return renderDocument(name, readFileSync(PATHS[name], 'utf8'), (path) => `built/${path}`);
}

describe('the documents', () => {
  test('every link from the demo ends at a heading that exists', () => {
    const html = readFileSync('index.html', 'utf8');
    const fragments = [...html.matchAll(/href="docs\.html#([^"]+)"/g)].map(([, text]) => text);
    expect(fragments.length).toBeGreaterThan(8);
    for (const fragment of fragments) {
      const { document, section } = placeOf(fragment ?? '');
      expect(section).not.toBe('');
      expect(pageOf(document)).toContain(`id="${document}/${section}"`);
    }
  });

  test('all of them can be shown', () => {
    for (const name of DOCUMENT_NAMES) expect(pageOf(name)).toContain('<h1 id=');
  });

  test('pictures are shown from where the build has put them', () => {
    const sources = [...pageOf('readme').matchAll(/<img src="([^"]+)"/g)].map(
      ([, source]) => source,
    );
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources) {
      expect(source).toMatch(/^built\//);
      expect(existsSync(`${source?.slice('built/'.length)}`)).toBe(true);
    }
  });

  test('an address that means nothing shows the README', () => {
    expect(placeOf('#nowhere/at-all')).toEqual({ document: 'readme', section: '' });
    expect(placeOf('#format/label')).toEqual({ document: 'format', section: 'label' });
    expect(placeOf('')).toEqual({ document: 'readme', section: '' });
  });

  test('headings become ids of plain words', () => {
    expect(idOf('Threads (profile `inline`)')).toBe('threads-profile-inline');
  });
});
