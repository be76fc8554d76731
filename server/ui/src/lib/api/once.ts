/** Keys of changes: who sends one again since no answer came sends the same key, so that the server does it once. */

const unanswered = new Map<string, string>();

/** The key of a change; the same one until it is answered, or another form is opened. */
export function keyOf(change: string): string {
  const kept = unanswered.get(change);
  if (kept) return kept;
  const made = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  unanswered.set(change, made);
  return made;
}

/** Note how a change was answered: 0 if it was not. A server that failed, or is still at it, may do it all the same. */
export function settle(change: string, status: number): void {
  if (status !== 0 && status !== 409 && status < 500) unanswered.delete(change);
}

/** Take what is sent from now on for new. */
export const renew = (): void => unanswered.clear();
