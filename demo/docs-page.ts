/** The page of documents: shows the one that the address names, at the section that it names. */
import readme from '../README.md?raw';
import architecture from '../src/ARCHITECTURE.md?raw';
import format from '../src/FORMAT.md?raw';
import testing from '../src/TESTING.md?raw';
import { type DocumentName, placeOf, renderDocument } from './docs.ts';
import { byId } from './dom.ts';

const SOURCES: Record<DocumentName, string> = { readme, architecture, format, testing };
/** By path in the source, with a slash in front. */
const PICTURES = import.meta.glob<string>('/demo/pictures/*.{png,svg}', {
  eager: true,
  query: '?url',
  import: 'default',
});
let shown: DocumentName | undefined;

async function show(): Promise<void> {
  const { hash } = location;
  const { document: name, section } = placeOf(hash);
  const main = byId('document', HTMLElement);
  if (shown !== name) main.innerHTML = renderDocument(name, SOURCES[name], pictureAt);
  shown = name;
  for (const link of document.querySelectorAll('nav a')) {
    link.ariaCurrent = link.getAttribute('href') === `#${name}` ? 'page' : null;
  }
  // Tables and listings scroll sideways where the screen is narrow, also for people without a pointer.
  for (const box of main.querySelectorAll<HTMLElement>('pre, .table')) box.tabIndex = 0;
  // A picture takes its room when it is there; what is below it stands still only then.
  await Promise.allSettled(Array.from(main.querySelectorAll('img'), (image) => image.decode()));
  if (location.hash === hash) goTo(main, `${name}/${section}`);
}

function goTo(main: HTMLElement, id: string): void {
  for (const heading of main.querySelectorAll('.here')) heading.classList.remove('here');
  const heading = document.getElementById(id);
  heading?.classList.add('here');
  if (heading === null) scrollTo(0, 0);
  else heading.scrollIntoView();
}

function pictureAt(path: string): string {
  return PICTURES[`/${path}`] ?? path;
}

addEventListener('hashchange', show);
await show();
