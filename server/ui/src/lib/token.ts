/** How the server knows the reader: by the cookie of a session, or by a token that this tab alone keeps while it is open. */

const KEY = "penstock-token";
const ENTERED = "penstock-entered";

function kept(store: () => Storage, key: string): string {
  try {
    return store().getItem(key) ?? "";
  } catch {
    return "";
  }
}

export const token = (): string => kept(() => sessionStorage, KEY);

export const keep = (text: string): void => sessionStorage.setItem(KEY, text);

/** Note that a session has begun, whose cookie pages cannot see. */
export const enter = (): void => localStorage.setItem(ENTERED, "yes");

/** Whether somebody has logged in, as far as this browser knows. */
export const entered = (): boolean => token() !== "" || kept(() => localStorage, ENTERED) !== "";

export function forget(): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(ENTERED);
}
