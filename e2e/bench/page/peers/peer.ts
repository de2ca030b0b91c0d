/** What all sides can do, so that one piece of code measures them: blocks under numbers. */
import type { SideKind } from '../measure.ts';

export interface Peer {
  readonly name: string;
  /** It is ourselves. */
  readonly isOwn?: boolean;
  /** What a resolved `put` promises, and how that was asked for. */
  readonly durability: string;
  /** A call takes milliseconds: fewer records, fewer operations in a sample. */
  readonly isSlow?: boolean;
  /** One block in a transaction of its own. The value's bytes are the caller's again when this returns. */
  put(key: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** All of them in one transaction, as keys from `firstKey` on. */
  putMany?(firstKey: number, blocks: readonly Uint8Array<ArrayBuffer>[]): Promise<void>;
  get(key: number): Promise<Uint8Array>;
  /** Removes everything. */
  close(): Promise<void>;
}

export function kindOf({ isOwn }: Peer): SideKind {
  return isOwn === true ? 'own' : 'peer';
}

/** Keys from 0 to `count` − 1, in transactions that no side finds too large. */
export async function fillPeer(
  peer: Peer,
  blocks: readonly Uint8Array<ArrayBuffer>[],
  count: number,
): Promise<void> {
  for (let key = 0; key < count; key += blocks.length) {
    const some = blocks.slice(0, count - key);
    if (peer.putMany !== undefined) await peer.putMany(key, some);
    else for (const [n, bytes] of some.entries()) await peer.put(key + n, bytes);
  }
}
