/**
 * A task of its own for something that must wait until messages that are there already have been taken.
 *
 * Not `setTimeout(…, 0)`: browsers hold nested timers back for 4 ms, and those of hidden pages for a second.
 */
const tasks: (() => void)[] = [];
let channel: MessageChannel | undefined;

/** Runs `run` as soon as the event loop comes round, in the order asked. */
export function nextTask(run: () => void): void {
  if (typeof setImmediate === 'function') {
    setImmediate(run);
    return;
  }
  tasks.push(run);
  if (channel === undefined) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => tasks.shift()?.();
  }
  channel.port2.postMessage(undefined);
}
