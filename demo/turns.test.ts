import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

/** Work that ends when it is told to, and a list of what has begun and ended. */
function makeWork() {
  const log: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => async () => {
    log.push(`${name} begins`);
    await new Promise<void>((resolve) => ends.set(name, resolve));
    log.push(`${name} ends`);
    return name;
  };
  const end = async (name: string) => {
    ends.get(name)?.();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { log, work, end };
}

test('changes overlap, a check waits for them, and what comes after waits for the check', async () => {
  const turns = new Turns();
  const { log, work, end } = makeWork();
  const results = [
    turns.change(work('a')),
    turns.change(work('b')),
    turns.alone(work('check')),
    turns.change(work('c')),
    turns.change(work('d')),
  ];
  await end('a');
  expect(log).toEqual(['a begins', 'b begins', 'a ends']);
  await end('b');
  expect(log.slice(3)).toEqual(['b ends', 'check begins']);
  await end('check');
  expect(log.slice(5)).toEqual(['check ends', 'c begins', 'd begins']);
  expect(turns.busy).toBe(true);
  await end('c');
  await end('d');
  expect(await Promise.all(results)).toEqual(['a', 'b', 'check', 'c', 'd']);
  expect(turns.busy).toBe(false);
});

test('what fails lets the next one go', async () => {
  const turns = new Turns();
  const failing = turns.alone(() => Promise.reject(new Error('no')));
  const next = turns.change(async () => 'next');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('next');
});
