/** A geometry as bytes: in every label, and in the head of an image. */
import { type Decoded, decoded, flawed } from './decoded.ts';
import { type Geometry, geometryFlaw } from './geometry.ts';
import { layout, readU32, readU53, u32, u53, writeU32, writeU53 } from './layout.ts';

export const GEOMETRY = layout({
  arenaBytes: u53,
  blockBytes: u32,
  sectorBytes: u32,
  slotBytes: u32,
  diskCount: u32,
});

export function writeGeometry(view: DataView, offset: number, geometry: Geometry): void {
  writeU53(view, offset + GEOMETRY.at.arenaBytes, geometry.arenaBytes);
  writeU32(view, offset + GEOMETRY.at.blockBytes, geometry.blockBytes);
  writeU32(view, offset + GEOMETRY.at.sectorBytes, geometry.sectorBytes);
  writeU32(view, offset + GEOMETRY.at.slotBytes, geometry.slotBytes);
  writeU32(view, offset + GEOMETRY.at.diskCount, geometry.diskCount);
}

/** The caller has checked that the bytes are there. What comes out is a geometry without flaw. */
export function readGeometry(view: DataView, offset: number): Decoded<Geometry> {
  const geometry: Geometry = {
    arenaBytes: readU53(view, offset + GEOMETRY.at.arenaBytes),
    blockBytes: readU32(view, offset + GEOMETRY.at.blockBytes),
    sectorBytes: readU32(view, offset + GEOMETRY.at.sectorBytes),
    slotBytes: readU32(view, offset + GEOMETRY.at.slotBytes),
    diskCount: readU32(view, offset + GEOMETRY.at.diskCount),
  };
  const flaw = geometryFlaw(geometry);
  return flaw === undefined ? decoded(geometry) : flawed('bounds', offset, `geometry: ${flaw}`);
}
