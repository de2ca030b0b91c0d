/**
 * What a decoder answers. Decoders are total: any bytes at all give a value or a `FormatError`, never an exception
 * and never an endless loop. What to do about bytes that are wrong is decided above, where it is known what they were
 * for.
 */

/**
 * What is wrong with the bytes:
 *
 * - `magic`: they are something else altogether.
 * - `version`: written by a version that this one does not know.
 * - `feature`: they need a feature that this version does not have.
 * - `checksum`: they are damaged, or they belong to another place, age or store.
 * - `length`: there are too few of them, or a length inside disagrees with another.
 * - `type`: this is another kind of structure than the one asked for.
 * - `bounds`: a number is outside its range.
 * - `count`: a number of things is impossible.
 * - `order`: things that must ascend do not.
 * - `name`: a root's name is not a name.
 * - `padding`: bytes that must be zero are not.
 */
export type FormatReason =
  | 'magic'
  | 'version'
  | 'feature'
  | 'checksum'
  | 'length'
  | 'type'
  | 'bounds'
  | 'count'
  | 'order'
  | 'name'
  | 'padding';

export interface FormatError {
  readonly reason: FormatReason;
  /** Where in the decoded bytes, in bytes from their start. */
  readonly offset: number;
  /** What was expected or found, for people. */
  readonly detail: string;
}

export interface Flawed {
  readonly ok: false;
  readonly error: FormatError;
}

export type Decoded<T> = { readonly ok: true; readonly value: T } | Flawed;

export function decoded<T>(value: T): Decoded<T> {
  return { ok: true, value };
}

export function flawed(reason: FormatReason, offset: number, detail: string): Flawed {
  return { ok: false, error: { reason, offset, detail } };
}

/** One line for messages and reports: `checksum at 16: label`. */
export function describeFlaw(error: FormatError): string {
  return `${error.reason} at ${error.offset}: ${error.detail}`;
}
