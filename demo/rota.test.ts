import { expect, test } from 'vitest';
import { Rota } from './rota.ts';

function rotaOf(names: readonly string[]) {
  const done: string[] = [];
  const rota = new Rota<number>(names.map((name) => (round) => void done.push(`${name}${round}`)));
  return { rota, done };
}

test('one thing a step, each once a round', () => {
  const { rota, done } = rotaOf(['a', 'b']);
  expect(rota.step()).toBe(false);
  rota.begin(1);
  expect([rota.step(), rota.step(), rota.step()]).toEqual([true, true, false]);
  rota.begin(2);
  rota.step();
  expect(done).toEqual(['a1', 'b1', 'a2']);
});

test('rounds that come faster than their things are done leave none out', () => {
  const { rota, done } = rotaOf(['a', 'b', 'c']);
  for (let round = 1; round <= 3; round += 1) {
    rota.begin(round);
    rota.step();
    rota.step();
  }
  expect(done).toEqual(['a1', 'b1', 'c2', 'a2', 'b3', 'c3']);
});

test('what was stopped is not done', () => {
  const { rota, done } = rotaOf(['a', 'b']);
  rota.begin(1);
  rota.step();
  rota.stop();
  expect(rota.step()).toBe(false);
  rota.begin(2);
  rota.step();
  expect(done).toEqual(['a1', 'b2']);
});
