/** How a store is opened: what the caller may choose, checked and completed. */
import type { Geometry } from '../format/geometry.ts';

/** What the engine needs to know, beyond its disks. Plain data: it crosses to the worker. */
export interface StoreSettings {
  /** Used when the store is created. */
  readonly geometry: Geometry;
  /** Fields of `geometry` that the caller asked for by name; opening a store with others is MISUSE. */
  readonly demanded: readonly (keyof Geometry)[];
  /** Growth stops here with FULL, in bytes of arenas. */
  readonly maxBytes: number;
  readonly cacheBytes: number;
  /** `false`: NOT_FOUND when there is no store. */
  readonly create: boolean;
  /** `true`: EXISTS when there is one. */
  readonly exclusive: boolean;
  /** `true`: nothing is written, transactions reject with READ_ONLY. */
  readonly readOnly: boolean;
}
