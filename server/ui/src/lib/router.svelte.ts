/** Pages by path, on the History API: links are plain links, and the address says all that a page shows. */

export type Parameters = Record<string, string>;

export const place = $state({ path: location.pathname, query: location.search });

const sync = (): void => {
  place.path = location.pathname;
  place.query = location.search;
};

addEventListener("popstate", sync);

/** Go to another address of this site. */
export function go(href: string, replace = false): void {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  const moved = place.path !== location.pathname;
  sync();
  if (moved && !replace) {
    scrollTo(0, 0);
    queueMicrotask(() => document.querySelector<HTMLElement>("main")?.focus({ preventScroll: true }));
  }
}

/** Take clicks on links of this site that would otherwise load the page anew. */
export function takeClick(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element | null)?.closest("a");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname.startsWith("/api/")) return;
  if (link.hash && link.pathname === location.pathname && link.search === location.search) return; // a browser moves the focus there itself
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
}

/** One value of the address's query; "" if it has none. */
export function asked(name: string): string {
  return new URLSearchParams(place.query).get(name) ?? "";
}

/** Put values into the query without another step in the history; "" takes one out. */
export function ask(values: Parameters): void {
  const query = new URLSearchParams(place.query);
  for (const [name, value] of Object.entries(values)) {
    if (value) query.set(name, value);
    else query.delete(name);
  }
  const text = query.toString();
  go(place.path + (text ? `?${text}` : ""), true);
}
