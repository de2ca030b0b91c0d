import { type Endpoint, expose, wrap } from 'comlink';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AssertionError } from '../base/assert.ts';
import { STORE_ERROR_CODES, StoreError } from '../base/errors.ts';
import { installErrorTransfer } from './transfer.ts';

interface Thrower {
  fail(which: string): Promise<void>;
}

const unclonable = (): void => {};

const thrown: Record<string, () => unknown> = {
  corrupt: () =>
    new StoreError('CORRUPT', 'The block is damaged.', {
      coordinates: { disk: 1, arena: 3, address: 2 ** 40, expected: 'a', actual: 'b' },
      mayBeStale: true,
      cause: new TypeError('odd', { cause: unclonable }),
    }),
  end: () => new StoreError('SESSION_LOST', 'lost', { maybeApplied: true }),
  assertion: () => new AssertionError('I3: ranges overlap'),
  traced: () => new AssertionError('I3: ranges overlap\n  #7 alloc 4096 3\n  #8 defer 4096 1'),
  foreign: () => new RangeError('not ours'),
  value: () => 42,
};

describe('errors keep everything on their way between threads', () => {
  let channel: MessageChannel;
  let remote: Thrower;

  beforeEach(() => {
    installErrorTransfer();
    installErrorTransfer();
    channel = new MessageChannel();
    const thrower: Thrower = {
      async fail(which) {
        throw thrown[which]?.() ?? new StoreError(which as 'IO', which);
      },
    };
    expose(thrower, channel.port1 as unknown as Endpoint);
    remote = wrap<Thrower>(channel.port2 as unknown as Endpoint);
  });

  afterEach(() => {
    channel.port1.close();
    channel.port2.close();
  });

  async function caught(which: string): Promise<unknown> {
    return remote.fail(which).then(
      () => 'resolved',
      (error: unknown) => error,
    );
  }

  test('code, message, coordinates, mayBeStale, maybeApplied, and the cause in words', async () => {
    const error = await caught('corrupt');
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      code: 'CORRUPT',
      message: 'The block is damaged.',
      coordinates: { disk: 1, arena: 3, address: 2 ** 40, expected: 'a', actual: 'b' },
      mayBeStale: true,
      maybeApplied: false,
      cause: 'TypeError: odd',
    });
    expect(await caught('end')).toMatchObject({ code: 'SESSION_LOST', maybeApplied: true });
  });

  test.each(STORE_ERROR_CODES)('the code %s', async (code) => {
    const error = await caught(code);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ code });
  });

  test('a failed assertion arrives as IO and names its invariant', async () => {
    expect(await caught('assertion')).toMatchObject({
      code: 'IO',
      message: expect.stringContaining('I3: ranges overlap'),
      cause: 'AssertionError: I3: ranges overlap',
    });
  });

  test('what happened before it is in the cause, not in the sentence that says what to do', async () => {
    expect(await caught('traced')).toMatchObject({
      message: expect.stringContaining('ranges overlap. This is a bug'),
      cause: 'AssertionError: I3: ranges overlap\n  #7 alloc 4096 3\n  #8 defer 4096 1',
    });
  });

  test('what is not ours travels as Comlink sends it', async () => {
    const error = await caught('foreign');
    expect(error).not.toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ name: 'RangeError', message: 'not ours' });
    expect(await caught('value')).toBe(42);
  });
});
