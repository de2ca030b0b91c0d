import { describe, expect, test, vi } from 'vitest';
import { ANSWER_AGE_MS_MAX, SyncLiveness } from './sync-liveness.ts';

type Answer = 'alive' | 'gone';

/** A probe whose answers the test gives. */
function liveness(options: { isGone?: () => boolean } = {}) {
  const questions: { storeId: boolean; answer: (answer: Answer) => void; fail: () => void }[] = [];
  const onGone = vi.fn();
  const probe = (_: readonly string[], storeId?: Uint8Array): Promise<Answer> =>
    new Promise((resolve, reject) => {
      questions.push({ storeId: storeId !== undefined, answer: resolve, fail: () => reject() });
    });
  const watched = new SyncLiveness({
    directory: { probe } as never,
    files: ['disk-0'],
    storeId: new Uint8Array(16),
    isGone: options.isGone,
    onGone,
  });
  return { watched, questions, onGone };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('I6: what a commit may rely on', () => {
  test('the newest answer, while the next one is on its way; one question at a time', async () => {
    const { watched, questions } = liveness();
    watched.begin();
    watched.begin();
    expect(questions).toHaveLength(1);
    expect(watched.answer).toBe('alive');
    questions[0]?.answer('alive');
    await turn();
    watched.begin();
    expect(questions.map(({ storeId }) => storeId)).toEqual([true, false]);
  });

  test.each(['gone', 'no answer'])('%s is final, and told once', async (what) => {
    const { watched, questions, onGone } = liveness();
    watched.begin();
    if (what === 'gone') questions[0]?.answer('gone');
    else questions[0]?.fail();
    await turn();
    expect(watched.answer).toBe('gone');
    expect(onGone).toHaveBeenCalledTimes(1);
    watched.begin();
    expect(questions).toHaveLength(1);
  });

  test('an answer is as old as its question, and an old one is looked up', async () => {
    const isGone = vi.fn(() => false);
    const { watched, questions } = liveness({ isGone });
    const clock = vi.spyOn(performance, 'now');
    const startedMs = 1e6;
    clock.mockReturnValue(startedMs);
    watched.begin();
    questions[0]?.answer('alive');
    clock.mockReturnValue(startedMs + ANSWER_AGE_MS_MAX + 1);
    await turn();
    expect(watched.answer).toBe('alive');
    expect(isGone).toHaveBeenCalledTimes(1);
    expect(watched.answer).toBe('alive');
    expect(isGone).toHaveBeenCalledTimes(1);
    isGone.mockReturnValue(true);
    clock.mockReturnValue(startedMs + 3 * ANSWER_AGE_MS_MAX);
    expect(watched.answer).toBe('gone');
    clock.mockRestore();
  });

  test('in doubt it looks at once, however young the newest answer is', () => {
    const isGone = vi.fn(() => true);
    const { watched, questions } = liveness({ isGone });
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now());
    watched.begin();
    expect(watched.answer).toBe('alive');
    watched.begin('doubted');
    expect(watched.answer).toBe('gone');
    expect([isGone.mock.calls.length, questions.length]).toEqual([1, 1]);
    clock.mockRestore();
  });

  test('where there is no way to look, the newest answer has to do', () => {
    const { watched } = liveness();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1e9);
    expect(watched.answer).toBe('alive');
    watched.look();
    expect(watched.isGone).toBe(false);
    clock.mockRestore();
  });
});
