/**
 * Benchmarks in the visitor's own browser: the quick set of `npm run bench`, drawn as bars. The measurements and the
 * peers (SQLite among them) are loaded when it is started, so the page does not carry them. Colours and type are the
 * page's custom properties, with plain ones where there are none.
 */
import type { GroupResult, RunOptions } from '../e2e/bench/page/group.ts';
import type { Measurement } from '../e2e/bench/page/measure.ts';
import { summarize } from '../e2e/bench/page/statistics.ts';
import type { SuiteResult } from '../e2e/bench/page/suite.ts';
import { timeText } from '../e2e/bench/page/table.ts';
import type { OpenOptions } from '../src/index.ts';

/** About half a minute, most of it filling the stores. */
const QUICK: RunOptions = { msPerGroup: 1500, roundsMax: 40, peers: true };

const STYLE = `
.bench { color: var(--ink, CanvasText); font: var(--text-m, 1rem) / 1.4 var(--sans, system-ui); }
.bench h3 { margin: 1.5em 0 0.5em; font-size: 1em; }
.bench ul { display: grid; grid-template-columns: max-content 1fr max-content; gap: 0.25em 0.75em; margin: 0;
  padding: 0; list-style: none; }
.bench li { display: contents; }
.bench .bench-track { align-self: center; height: 0.75em; background: var(--line, color-mix(in srgb, currentColor
  15%, transparent)); border-radius: var(--radius, 2px); overflow: hidden; }
.bench .bench-bar { height: 100%; min-width: 2px; background: var(--line-strong, GrayText); forced-color-adjust: none; }
.bench [data-kind='own'] .bench-bar { background: var(--accent, Highlight); }
.bench [data-kind='own'] .bench-name { font-weight: 600; }
.bench [data-kind='limit'] .bench-bar { background: var(--good, SeaGreen); }
.bench .bench-time { text-align: end; font-variant-numeric: tabular-nums; }
.bench .bench-note { margin-block: 0.5em; color: var(--ink-soft, inherit); font-size: var(--text-s, 0.875rem); }
@media (max-width: 40em) {
  .bench ul { grid-template-columns: 1fr max-content; }
  .bench .bench-name { grid-column: 1 / -1; }
}
`;

/**
 * Puts a button, and later the bars, into `element`.
 *
 * @param storeOptions for every store of ours that is measured, beside what a measurement needs.
 */
export function mountBench(element: HTMLElement, storeOptions: OpenOptions = {}): void {
  const style = make('style', '', STYLE);
  const start = make('button', '', 'Measure this browser');
  start.type = 'button';
  const status = make(
    'p',
    'bench-note',
    'Takes half a minute and 1 GB of free space; removes it all.',
  );
  status.setAttribute('role', 'status');
  const results = make('div', 'bench-results');
  element.classList.add('bench');
  element.replaceChildren(style, start, status, results);
  start.addEventListener('click', async () => {
    start.disabled = true;
    results.replaceChildren();
    try {
      const { runSuite } = await import('../e2e/bench/page/suite.ts');
      const suite = await runSuite({ ...QUICK, storeOptions }, (text) => {
        status.textContent = `${text} …`;
      });
      status.textContent = summaryText(suite);
      results.replaceChildren(...suite.groups.map(drawGroup));
    } catch (error) {
      status.textContent = `It did not work: ${error instanceof Error ? error.message : error}`;
    } finally {
      start.disabled = false;
    }
  });
}

function summaryText({ profile, seconds, missing }: SuiteResult): string {
  const left = missing.length === 0 ? '' : ` Not measured here: ${missing.join('; ')}.`;
  return (
    `Profile ${profile}, ${seconds.toFixed(0)} s. Medians of samples taken in turns; shorter is faster, green is ` +
    `what the bare platform takes. Only the ratios mean something.${left}`
  );
}

function drawGroup({ title, measurements }: GroupResult): HTMLElement {
  const timed = measurements.flatMap((measured) => {
    const summary = summarize(measured.samples);
    return summary === undefined ? [] : [{ measured, us: summary.median }];
  });
  const longest = Math.max(...timed.map(({ us }) => us));
  const list = make('ul', '');
  list.append(...timed.map(({ measured, us }) => drawSide(measured, us, longest)));
  const section = make('section', '');
  section.append(make('h3', '', title), list);
  return section;
}

function drawSide({ name, kind, note }: Measurement, us: number, longestUs: number): HTMLElement {
  const item = make('li', '');
  item.dataset['kind'] = kind;
  item.title = note;
  const track = make('div', 'bench-track');
  const bar = make('div', 'bench-bar');
  bar.style.width = `${(100 * us) / longestUs}%`;
  track.append(bar);
  item.append(make('span', 'bench-name', name), track, make('span', 'bench-time', timeText(us)));
  return item;
}

function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  text = '',
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  element.textContent = text;
  return element;
}
