/** A thread of a stress run: told its role and its memory when it starts, answers once. */
import { parentPort, workerData } from 'node:worker_threads';
import { ROLES, type Role, type StressMemory } from './stress-roles.ts';

const { role, memory, count } = workerData as {
  readonly role: Role;
  readonly memory: StressMemory;
  readonly count: number;
};
parentPort?.postMessage(ROLES[role](memory, count));
