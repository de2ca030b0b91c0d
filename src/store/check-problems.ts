/** What a check has found so far: all of it counted, the first thousand kept. */
import type { CheckProblem } from './report.ts';

/** A store that is all wrong must not fill the memory with the list of it. */
export const PROBLEMS_LISTED_MAX = 1000;

export class CheckProblems {
  readonly listed: CheckProblem[] = [];
  count = 0;

  add(problem: CheckProblem): void {
    this.count += 1;
    if (this.listed.length < PROBLEMS_LISTED_MAX) this.listed.push(problem);
  }
}

/** `1 block`, `7 blocks`: for messages. */
export function blocksText(count: number): string {
  return count === 1 ? '1 block' : `${count} blocks`;
}
