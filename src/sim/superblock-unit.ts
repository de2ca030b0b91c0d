/** Which of the writes that a crash decides on are superblocks. */
import { type Geometry, SLOT_COUNT, slotDisk, slotOffset } from '../format/geometry.ts';
import type { PendingUnit } from './disk-trace.ts';
import { SIM_SECTOR_BYTES } from './sector-file.ts';

export function isSuperblock(unit: PendingUnit, geometry: Geometry): boolean {
  if (unit.kind !== 'sector') return false;
  const at = unit.sector * SIM_SECTOR_BYTES;
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const start = slotOffset(slot, geometry);
    const isHere = slotDisk(slot, geometry) === unit.file;
    if (isHere && at >= start && at < start + geometry.slotBytes) return true;
  }
  return false;
}
