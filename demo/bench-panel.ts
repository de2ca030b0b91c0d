/**
 * Benchmarks in the visitor's own browser: the quick set of `npm run bench`, drawn as bars. The measurements and the
 * peers (SQLite among them) are loaded when it is started, so the page does not carry them.
 */
import type { GroupResult, RunOptions } from '../e2e/bench/page/group.ts';
import type { Measurement } from '../e2e/bench/page/measure.ts';
import { summarize } from '../e2e/bench/page/statistics.ts';
import type { SuiteResult } from '../e2e/bench/page/suite.ts';
import { timeText } from '../e2e/bench/page/table.ts';
import { make } from './dom.ts';

/** Half a minute to a minute, most of it filling the stores. */
const QUICK: RunOptions = { msPerGroup: 1500, roundsMax: 40, peers: true };

/** Puts a button, and later the bars, into `element`. */
export function mountBench(element: HTMLElement): void {
  const start = make('button', '', 'Measure this browser');
  start.type = 'button';
  const status = make(
    'p',
    'readout',
    'Takes about a minute and 1 GB of free space; removes it all.',
  );
  status.setAttribute('role', 'status');
  const results = make('div', 'bench-results');
  element.append(start, status, results);
  start.addEventListener('click', async () => {
    start.disabled = true;
    results.replaceChildren();
    try {
      const { runSuite } = await import('../e2e/bench/page/suite.ts');
      const suite = await runSuite(QUICK, (text) => {
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
    `Profile ${profile}, ${seconds.toFixed(0)} s. Medians of samples taken in turns; shorter is faster; blue is ` +
    `this engine, green what the bare platform takes. Only the ratios mean something.${left}`
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
