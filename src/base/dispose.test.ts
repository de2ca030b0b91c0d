import { afterEach, expect, test, vi } from 'vitest';
import { ASYNC_DISPOSE, DISPOSE } from './dispose.ts';

const { Symbol: OwnSymbol } = globalThis;
afterEach(() => {
  globalThis.Symbol = OwnSymbol;
  vi.resetModules();
});

test('where they are known, they are the language’s', () => {
  expect(DISPOSE).toBe(Symbol.dispose);
  expect(ASYNC_DISPOSE).toBe(Symbol.asyncDispose);
});

test('elsewhere they are those that translated code looks for', async () => {
  // In the place of the real one, whose properties cannot be taken away.
  globalThis.Symbol = new Proxy((() => {}) as unknown as SymbolConstructor, {
    get: (_, name) =>
      name === 'dispose' || name === 'asyncDispose' ? undefined : Reflect.get(OwnSymbol, name),
    apply: (_, __, [description]: [string?]) => OwnSymbol(description),
  });
  vi.resetModules();
  const old = await import('./dispose.ts');
  globalThis.Symbol = OwnSymbol;
  expect(old.DISPOSE).toBe(Symbol.for('Symbol.dispose'));
  expect(old.ASYNC_DISPOSE).toBe(Symbol.for('Symbol.asyncDispose'));
});
