/** What opening found, and the story of what was broken on purpose: one card, filled in as it happens. */
import type { CheckReport, Recovery } from '../src/index.ts';
import { byId, make, setText } from './dom.ts';
import { bytesText, countOf, countText, timeText } from './text.ts';

const PROBLEMS_SHOWN = 3;

export type Tone = 'good' | 'bad' | 'plain';

export class Outcome {
  readonly #box = byId('outcome', HTMLElement);
  readonly #title = byId('outcome-title', HTMLElement);
  readonly #story = byId('story', HTMLElement);

  /** A new story; `state` colours the card: something is under way, went well, or was found. */
  begin(title: string): void {
    setText(this.#title, title);
    this.#story.replaceChildren();
    this.#box.dataset['stateOf'] = 'busy';
    for (const field of document.querySelectorAll('[data-found]')) setText(field, '–');
  }

  tell(text: string, tone: Tone = 'plain'): void {
    const item = make('li', '', text);
    if (tone !== 'plain') item.dataset['tone'] = tone;
    this.#story.append(item);
  }

  /** What the store said when it was opened. */
  showRecovery(recovery: Recovery): void {
    const { generation, rolledBack, openMs, recordsReplayed, verifiedBytes } = recovery;
    show('generation', countText(generation));
    show('rolledBack', rolledBack === 0 ? 'nothing' : countOf(rolledBack, 'generation'));
    show('openMs', timeText(openMs));
    show('records', countText(recordsReplayed));
    show('verified', bytesText(verifiedBytes));
    for (const rejected of recovery.rejected) {
      const what = `Generation ${countText(rejected.generation)} was given up`;
      this.tell(`${what}: ${rejected.reason}.`);
    }
  }

  showCheck(report: CheckReport, ms: number): void {
    show('check', report.clean ? 'clean' : countOf(report.problemCount, 'problem'));
    byId('found', HTMLElement)
      .querySelector('[data-found="check"]')
      ?.setAttribute('data-tone', report.clean ? 'good' : 'bad');
    const read = `${countOf(report.blocksRead, 'block')} read in ${timeText(ms)}`;
    if (report.clean) this.tell(`Check: clean, ${read}.`, 'good');
    for (const { message } of report.problems.slice(0, PROBLEMS_SHOWN)) {
      this.tell(`Check: ${message}`, 'bad');
    }
    this.#box.dataset['stateOf'] = report.clean ? 'good' : 'bad';
  }

  end(state: 'calm' | 'good' | 'bad'): void {
    this.#box.dataset['stateOf'] = state;
  }
}

function show(name: string, text: string): void {
  for (const field of document.querySelectorAll(`[data-found="${name}"]`)) setText(field, text);
}
