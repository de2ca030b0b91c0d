/** The page of documents: shows the one that the address names, at the section that it names. */
import readme from '../README.md?raw';
import architecture from '../src/ARCHITECTURE.md?raw';
import format from '../src/FORMAT.md?raw';
import testing from '../src/TESTING.md?raw';
import { type DocumentName, placeOf, renderDocument } from './docs.ts';
import { byId } from './dom.ts';

const SOURCES: Record<DocumentName, string> = { readme, architecture, format, testing };
let shown: DocumentName | undefined;

function show(): void {
  const { document: name, section } = placeOf(location.hash);
  const main = byId('document', HTMLElement);
  if (shown !== name) main.innerHTML = renderDocument(name, SOURCES[name]);
  shown = name;
  for (const heading of main.querySelectorAll('.here')) heading.classList.remove('here');
  const heading = document.getElementById(`${name}/${section}`);
  heading?.classList.add('here');
  if (heading === null) scrollTo(0, 0);
  else heading.scrollIntoView();
  // Tables and listings scroll sideways where the screen is narrow, also for people without a pointer.
  for (const box of main.querySelectorAll<HTMLElement>('pre, .table')) box.tabIndex = 0;
}

addEventListener('hashchange', show);
show();
