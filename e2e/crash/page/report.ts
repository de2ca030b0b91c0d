/** The page's way to the ledger. */
import type { LedgerEntry, Plan } from '../plan.ts';

/** Resolves when the entry is on the disk of the ledger. */
export async function report({ ledgerUrl }: Plan, entry: LedgerEntry): Promise<void> {
  const response = await fetch(ledgerUrl, { method: 'POST', body: JSON.stringify(entry) });
  if (!response.ok) throw new Error(`the ledger answered ${response.status}`);
}
