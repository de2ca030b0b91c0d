/** Notes that survive a crash, newest first. Each is a block: 24 bytes that point to the note before, then the text. */
import { decodePointer, encodePointer, openStore } from 'opfs-blocks';

const form = document.querySelector('form') as HTMLFormElement;
const shown = (text: string) => Object.assign(document.createElement('p'), { textContent: text });
const store = openStore('notes');

form.onsubmit = async () => {
  const text = String(new FormData(form).get('text'));
  form.reset();
  await (await store).transaction(async (tx) => {
    const note = new TextEncoder().encode('\0'.repeat(24) + text);
    const before = tx.root('newest');
    if (before !== undefined) encodePointer(before, note);
    tx.setRoot('newest', await tx.write(note));
  });
  form.after(shown(text));
};

// The first note has no pointer: no block was born in generation 0.
for (let next = (await store).root('newest'); next !== undefined && next.generation > 0; ) {
  const note = await (await store).read(next);
  document.body.append(shown(new TextDecoder().decode(note.subarray(24)).replace(/\0+$/, '')));
  next = decodePointer(note);
}
