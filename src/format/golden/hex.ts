/**
 * Bytes as text that a diff can show: 16 a line behind their offset, repeated lines folded into `*` (after hexdump).
 */
const LINE_BYTES = 16;

export function toHex(bytes: Uint8Array): string {
  const lines: string[] = [];
  let before = '';
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = [...bytes.subarray(at, at + LINE_BYTES)]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(' ');
    if (line !== before) lines.push(`${offsetText(at)}: ${line}`);
    else if (lines.at(-1) !== '*') lines.push('*');
    before = line;
  }
  lines.push(`${offsetText(bytes.length)}:`);
  return `${lines.join('\n')}\n`;
}

export function fromHex(text: string): Uint8Array {
  const bytes: number[] = [];
  let line: number[] = [];
  for (const row of text.trimEnd().split('\n')) {
    if (row === '*') continue;
    const [offset = '', values = ''] = row.split(':');
    while (bytes.length < Number.parseInt(offset, 16)) bytes.push(...line);
    line = values
      .trim()
      .split(' ')
      .filter((value) => value !== '')
      .map((value) => Number.parseInt(value, 16));
    bytes.push(...line);
  }
  return Uint8Array.from(bytes);
}

function offsetText(offset: number): string {
  return offset.toString(16).padStart(4, '0');
}
