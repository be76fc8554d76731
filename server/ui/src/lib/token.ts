/** The token by which the server knows the reader: kept by this tab alone, and only as long as it is open. */

const KEY = "penstock-token";

export function token(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export const keep = (text: string): void => sessionStorage.setItem(KEY, text);

export const forget = (): void => sessionStorage.removeItem(KEY);
