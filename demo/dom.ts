/** Finds and makes elements, typed. */

/** The element that index.html has under this id. A missing one is a mistake in the page, so it throws. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`index.html has no ${type.name} #${id}.`);
  return element;
}

/** The first element below `parent` that `selector` finds. */
export function within<T extends Element>(
  parent: ParentNode,
  selector: string,
  type: new () => T,
): T {
  const element = parent.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`index.html has no ${type.name} ${selector}.`);
  return element;
}

/** Makes an element with a class and a text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = '',
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  if (text !== '') element.textContent = text;
  return element;
}

/** Sets a text only when it changed: a live region that is set anew is read aloud anew. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A text in the tone of good or bad news. */
export function toned(tone: 'good' | 'bad', text: string): HTMLElement {
  const element = make('strong', '', text);
  element.dataset['tone'] = tone;
  return element;
}

/** A custom property of the page's style, such as a colour. */
export function styleValue(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** How much larger type is than on a laptop: 1 there, more on a wall. What is drawn grows with it. */
export function typeScale(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
}

/** Calls back when colours may have changed: light, dark, forced. */
export function onColoursChange(listener: () => void): void {
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
    matchMedia(query).addEventListener('change', listener);
  }
}

export function prefersStillness(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}
