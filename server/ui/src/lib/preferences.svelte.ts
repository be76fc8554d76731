/** What a reader has chosen for this browser: colours and the zone in which times are shown. */

export type Theme = "system" | "light" | "dark";

const read = (key: string, otherwise: string): string => {
  try {
    return localStorage.getItem(key) ?? otherwise;
  } catch {
    return otherwise;
  }
};

const write = (key: string, value: string): void => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing still shows everything.
  }
};

export const preferences = $state({
  theme: read("penstock-theme", "system") as Theme,
  zone: read("penstock-zone", "local"),
});

export function applyTheme(): void {
  document.documentElement.dataset["theme"] = preferences.theme;
}

export function nextTheme(): void {
  const order: Theme[] = ["system", "light", "dark"];
  preferences.theme = order[(order.indexOf(preferences.theme) + 1) % order.length]!;
  write("penstock-theme", preferences.theme);
  applyTheme();
}

export function toggleZone(): void {
  preferences.zone = preferences.zone === "local" ? "utc" : "local";
  write("penstock-zone", preferences.zone);
}
