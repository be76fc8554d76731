/** Lists of the server, read to their end. */

interface Page<T> {
  items: readonly T[];
  next: string;
}

/** All that a list has, page by page: `ask` asks for the page behind what it is told. */
export async function every<T>(ask: (after: string) => Promise<Page<T>>): Promise<T[]> {
  const found: T[] = [];
  for (let after = ""; ; ) {
    const page = await ask(after);
    found.push(...page.items);
    if (!page.next) return found;
    after = page.next;
  }
}
