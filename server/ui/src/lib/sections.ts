/** The parts of the installation's page: what each is called, and the permission without which it is not offered. */

import type { Permission } from "./api/routes.ts";
import type { Page } from "./pages.ts";

export interface Section {
  id: string;
  group: string;
  label: string;
  needs?: Permission;
  load: () => Promise<{ default: Page }>;
}

export const SECTIONS: readonly Section[] = [
  { id: "", group: "Work", label: "Health", needs: "installation:read", load: () => import("../pages/installation/Health.svelte") },
  { id: "queues", group: "Work", label: "Queues", needs: "installation:read", load: () => import("../pages/installation/Queues.svelte") },
  { id: "workers", group: "Work", label: "Workers", needs: "installation:read", load: () => import("../pages/installation/Workers.svelte") },
  { id: "pools", group: "Work", label: "Pools", needs: "pools:read", load: () => import("../pages/installation/Pools.svelte") },
  { id: "files", group: "Code", label: "DAG files", needs: "installation:read", load: () => import("../pages/installation/Files.svelte") },
  { id: "providers", group: "Code", label: "Providers", needs: "installation:read", load: () => import("../pages/installation/Providers.svelte") },
  { id: "connections", group: "Data", label: "Connections", needs: "connections:read", load: () => import("../pages/installation/Connections.svelte") },
  { id: "variables", group: "Data", label: "Variables", needs: "variables:read", load: () => import("../pages/installation/Variables.svelte") },
  { id: "assets", group: "Data", label: "Assets", needs: "dags:read", load: () => import("../pages/installation/Assets.svelte") },
  { id: "users", group: "People", label: "Users", needs: "users:write", load: () => import("../pages/installation/Users.svelte") },
  { id: "teams", group: "People", label: "Teams", needs: "users:write", load: () => import("../pages/installation/Teams.svelte") },
  { id: "audit", group: "People", label: "Audit", needs: "audit:read", load: () => import("../pages/installation/Audit.svelte") },
  { id: "account", group: "You", label: "Your account", load: () => import("../pages/installation/Account.svelte") },
];
