/**
 * Runs something in a task of its own, as soon as messages that wait already have been taken.
 *
 * Not `setTimeout(…, 0)`: browsers hold nested timers back for 4 ms, and those of hidden pages for a second.
 */
const tasks: (() => void)[] = [];
let channel: MessageChannel | undefined;

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
