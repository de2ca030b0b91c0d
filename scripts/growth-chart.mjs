// Draws how cost grows, for the README, from the newest results that have it: `npm run bench -- --growth --huge`, then
// `node scripts/growth-chart.mjs`. What is measured on a machine is kept as a picture; nothing else reads it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const RESULTS = 'bench-results';
const PICTURE = 'demo/pictures/growth.svg';

/** By name of the measurement: the line's label, and whose it is. */
const PANELS = [
  {
    title: 'Read one block of 16 KiB',
    lines: [
      ['sqlite-wasm, opfs-sahpool, get', 'sqlite-wasm', 'peer'],
      ['IndexedDB, strict, get', 'IndexedDB', 'peer'],
      ['opfs-blocks, read', 'not cached', 'own'],
      ['opfs-blocks, readMany of 64', 'not cached, 64 at once', 'own'],
      ['opfs-blocks, read, cached', 'cached', 'own'],
    ],
  },
  {
    title: 'Write one, durably',
    lines: [
      ['sqlite-wasm, opfs-sahpool, put', 'sqlite-wasm, full', 'peer'],
      ['IndexedDB, strict, put', 'IndexedDB, strict', 'peer'],
      ['opfs-blocks, strict, put', 'one by one', 'own'],
      ['opfs-blocks, strict, 64 puts at once', '64 at once', 'own'],
      ['opfs-blocks, 16 MiB in a transaction', '1,024 in a transaction', 'own'],
    ],
  },
];

const WIDTH = 860;
const HEIGHT = 380;
const PLOT = { top: 58, bottom: 330, left: 56, width: 210 };
const PANEL_WIDTH = WIDTH / 2;
const LABEL_HEIGHT = 15;
/** Microseconds at the bottom and at the top, on a logarithmic scale. */
const US = { min: 1, max: 10_000 };
const TICKS = [
  [1, '1 µs'],
  [10, '10 µs'],
  [100, '100 µs'],
  [1000, '1 ms'],
  [10_000, '10 ms'],
];

const growth = newestGrowth();
writeFileSync(PICTURE, `${picture()}\n`);
console.log(PICTURE);

function newestGrowth() {
  for (const name of readdirSync(RESULTS).sort().reverse()) {
    const { growth } = JSON.parse(readFileSync(`${RESULTS}/${name}`, 'utf8'));
    if (growth?.length > 1) return growth;
  }
  throw new Error('No results have growth: npm run bench -- --growth --huge');
}

function medianUs({ measurements }, name) {
  const samples = measurements.find((found) => found.name === name)?.samples;
  if (samples === undefined || samples.length === 0) return undefined;
  return [...samples].sort((one, other) => one - other)[Math.floor(samples.length / 2)];
}

function xOf(index) {
  return PLOT.left + (PLOT.width * index) / (growth.length - 1);
}

function yOf(us) {
  const share = Math.log10(us / US.min) / Math.log10(US.max / US.min);
  return PLOT.bottom - share * (PLOT.bottom - PLOT.top);
}

function sizeText(bytes) {
  const mebibytes = bytes / 2 ** 20;
  return mebibytes < 1024 ? `${mebibytes} MiB` : `${mebibytes / 1024} GiB`;
}

function panel({ title, lines }, index) {
  const axis = TICKS.map(
    ([us, text]) =>
      `<line class="grid" x1="${PLOT.left}" x2="${PLOT.left + PLOT.width}" y1="${yOf(us)}" y2="${yOf(us)}"/>` +
      `<text class="tick" text-anchor="end" x="${PLOT.left - 8}" y="${yOf(us) + 4}">${text}</text>`,
  );
  const sizes = growth.map(
    ({ dataBytes }, n) =>
      `<text class="tick" text-anchor="middle" x="${xOf(n)}" y="${PLOT.bottom + 20}">${sizeText(dataBytes)}</text>`,
  );
  return [
    `<g transform="translate(${index * PANEL_WIDTH} 0)">`,
    `<text class="title" x="${PLOT.left}" y="30">${title}</text>`,
    ...axis,
    ...sizes,
    ...drawn(lines),
    '</g>',
  ].join('\n');
}

/** The lines, and their names at their ends, moved apart where they would touch. */
function drawn(lines) {
  const found = lines.flatMap(([name, label, kind]) => {
    const points = growth.flatMap((size, n) => {
      const us = medianUs(size, name);
      return us === undefined ? [] : [[xOf(n), yOf(us)]];
    });
    return points.length === 0 ? [] : [{ label, kind, points, labelY: points.at(-1)[1] }];
  });
  found.sort((one, other) => one.labelY - other.labelY);
  for (const [n, line] of found.entries()) {
    if (n > 0) line.labelY = Math.max(line.labelY, found[n - 1].labelY + LABEL_HEIGHT);
  }
  return found.flatMap(({ label, kind, points, labelY }) => [
    `<polyline class="${kind}" points="${points.map(([x, y]) => `${x},${y.toFixed(1)}`).join(' ')}"/>`,
    ...points.map(([x, y]) => `<circle class="${kind}" cx="${x}" cy="${y.toFixed(1)}" r="3.5"/>`),
    `<text class="name ${kind}" x="${PLOT.left + PLOT.width + 12}" y="${(labelY + 4).toFixed(1)}">${label}</text>`,
  ]);
}

function picture() {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
  aria-label="Median time of reading and of writing a block, by how much is stored">
<style>
  text { font: 12px system-ui, sans-serif; fill: #555 }
  .title { font-size: 15px; font-weight: 600; fill: #111 }
  .grid { stroke: #ddd }
  polyline { fill: none; stroke-width: 2 }
  polyline.own { stroke: #2457d6 } circle.own { fill: #2457d6 } text.own { fill: #2457d6; font-weight: 600 }
  polyline.peer { stroke: #999; stroke-dasharray: 5 4 } circle.peer { fill: #999 }
  .back { fill: #fff }
  @media (prefers-color-scheme: dark) {
    text { fill: #aab } .title { fill: #eee } .grid { stroke: #334 } .back { fill: #0d1117 }
    polyline.own { stroke: #7aa2ff } circle.own { fill: #7aa2ff } text.own { fill: #7aa2ff }
    polyline.peer { stroke: #778 } circle.peer { fill: #778 }
  }
</style>
<rect class="back" width="${WIDTH}" height="${HEIGHT}" rx="8"/>
${PANELS.map(panel).join('\n')}
<text class="tick" x="${PLOT.left}" y="${HEIGHT - 8}">Bytes stored. Medians; solid: opfs-blocks, dashed: others.</text>
</svg>`;
}
