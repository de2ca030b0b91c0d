/** Notes that survive a crash, newest first. Each is one block: a pointer to the note before, a length, the text. */
import { decodePointer, encodePointer, openStore } from 'opfs-blocks';

const opening = openStore('notes');
const form = document.querySelector('form') as HTMLFormElement;
const list = document.querySelector('ul') as HTMLUListElement;

async function keep(text: string): Promise<void> {
  const store = await opening;
  const note = new Uint8Array(store.blockSize);
  const { written } = new TextEncoder().encodeInto(text, note.subarray(28));
  new DataView(note.buffer).setUint32(24, written);
  await store.transaction(async (tx) => {
    const before = tx.root('newest');
    if (before !== undefined) encodePointer(before, note);
    tx.setRoot('newest', await tx.write(note));
  });
}

async function show(): Promise<void> {
  const store = await opening;
  using reader = store.reader();
  const items: HTMLLIElement[] = [];
  for (let next = reader.root('newest'); next !== undefined; ) {
    const note = await reader.read(next);
    const end = 28 + new DataView(note.buffer, note.byteOffset).getUint32(24);
    const item = document.createElement('li');
    item.textContent = new TextDecoder().decode(note.subarray(28, end));
    items.push(item);
    // No pointer is all zeroes: generations begin at 1.
    next = note.subarray(0, 24).some(Boolean) ? decodePointer(note) : undefined;
  }
  list.replaceChildren(...items);
}

// Before the store is open: what is submitted meanwhile waits for it, and does not leave the page.
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = String(new FormData(form).get('text'));
  form.reset();
  await keep(text);
  await show();
});
await show();
