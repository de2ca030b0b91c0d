/**
 * Damages a byte of a closed store's file, in a worker of the demo's own: only workers reach the files. The engine
 * knows nothing of it; that is the point.
 */
import { type BlockByte, flipOpfsByte } from '../src/testing.ts';

export interface FlipRequest {
  readonly store: string;
  readonly place: BlockByte;
}

export interface FlipAnswer {
  /** `disk-1, byte 81,920`, or what went wrong. */
  readonly where?: string;
  readonly failure?: string;
}

globalThis.onmessage = async ({ data }: MessageEvent<FlipRequest>) => {
  const answer: FlipAnswer = await flipOpfsByte(data.store, data.place).then(
    ({ file, offset }) => ({ where: `${file}, byte ${offset.toLocaleString('en')}` }),
    (error: unknown) => ({ failure: String(error) }),
  );
  globalThis.postMessage(answer);
};
