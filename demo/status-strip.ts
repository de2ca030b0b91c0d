/** The strip of facts under the title, and the sentence on what opening found. All of it as the store says it. */
import type { Recovery, Store } from '../src/index.ts';
import { byId, setText } from './dom.ts';
import type { FrameMeter } from './frames.ts';
import { binaryText, bytesText, countOf, countText, timeText } from './text.ts';

export class StatusStrip {
  readonly #persist = byId('persist', HTMLButtonElement);

  constructor() {
    fact('isolated', crossOriginIsolated ? 'yes' : 'no');
    this.#persist.addEventListener('click', () => this.#askToPersist());
  }

  /** What is known at once, without a message. */
  showStore(store: Store): void {
    fact('health', store.health, store.health === 'ok' ? 'good' : 'bad');
    fact('generation', countText(store.generation));
    fact('profile', store.profile);
    fact('block-size', binaryText(store.blockSize));
    if (store.health === 'closed') return;
    const { usedBytes, grownBytes, disks } = store.telemetry();
    fact('used', `${bytesText(usedBytes)} of ${bytesText(grownBytes)}`);
    fact('handles', countText(disks.length));
  }

  /** What the page itself costs. Tests read it from the document's data. */
  showFrames(meter: FrameMeter): void {
    const [median, slowest] = [meter.quantile(0.5), meter.quantile(1)];
    fact('frame', `${median.toFixed(1)}\u00a0ms, at most ${slowest.toFixed(0)}`);
    const { dataset } = document.documentElement;
    dataset['frameMedianMs'] = median.toFixed(3);
    dataset['frameP95Ms'] = meter.quantile(0.95).toFixed(3);
    dataset['frameSlowestMs'] = slowest.toFixed(3);
  }

  /** What the browser has to be asked for. */
  async showBrowser(): Promise<void> {
    const [{ usage = 0, quota = 0 }, persisted] = await Promise.all([
      navigator.storage.estimate(),
      navigator.storage.persisted(),
    ]);
    fact('quota', `${bytesText(usage)} of ${bytesText(quota)}`);
    fact('persisted', persisted ? 'yes' : 'no');
    this.#persist.hidden = persisted;
  }

  async #askToPersist(): Promise<void> {
    const granted = await navigator.storage.persist();
    await this.showBrowser();
    if (granted) return;
    setText(this.#persist, 'Refused');
    this.#persist.title = 'Browsers grant this to installed and often used pages.';
  }
}

function fact(name: string, text: string, tone?: 'good' | 'bad'): void {
  for (const element of document.querySelectorAll<HTMLElement>(`[data-fact="${name}"]`)) {
    setText(element, text);
    if (tone !== undefined) element.dataset['tone'] = tone;
  }
}

/** What opening found, in a sentence or two. `discarded` blocks were those of an upload that did not end. */
export function recoveryText(recovery: Recovery, discarded: number): string {
  const { created, generation, openMs, rolledBack, verifiedBytes, unverifiedBytes } = recovery;
  const { damagedBlocks, expectedGeneration } = recovery;
  if (created)
    return `Created in ${timeText(openMs)}. Start some work, or drop a file; close the tab, come back.`;
  const parts = [
    `Opened generation ${countText(generation)} in ${timeText(openMs)}: ` +
      `${countOf(recovery.recordsReplayed, 'log record')} replayed, ` +
      `${bytesText(verifiedBytes)} of recent blocks verified, ` +
      (rolledBack === 0
        ? 'nothing rolled back.'
        : `${countOf(rolledBack, 'generation')} rolled back.`),
  ];
  for (const rejected of recovery.rejected) {
    parts.push(`Generation ${countText(rejected.generation)} was given up: ${rejected.reason}.`);
  }
  if (damagedBlocks.length > 0) {
    parts.push(`${countOf(damagedBlocks.length, 'recent block')} do not match their hashes.`);
  }
  if (unverifiedBytes > 0) parts.push(`${bytesText(unverifiedBytes)} are verified when read.`);
  if (expectedGeneration !== undefined) {
    parts.push(`Generation ${countText(expectedGeneration)} was seen before and is lost.`);
  }
  if (discarded > 0) {
    parts.push(`An upload had not ended; its ${countOf(discarded, 'block')} were freed.`);
  }
  return parts.join(' ');
}
