/** Who reads, and what whoever that is may do: what is not allowed is not offered; the server judges anew all the same. */

import { call } from "./api/client.ts";
import type { Permission, PrincipalSummary, RolePermission } from "./api/routes.ts";
import { fits } from "./glob.ts";

export const who = $state<{ me: PrincipalSummary | null; rules: RolePermission[] }>({ me: null, rules: [] });
let asked: Promise<void> | null = null;

/** Ask who reads, once. */
export function learn(): void {
  asked ??= Promise.all([call("GET /me", {}), call("GET /roles", {})]).then(
    ([me, rules]) => void Object.assign(who, { me, rules }),
    () => void (asked = null),
  );
}

/** Forget it: somebody else may read from now on. */
export function unlearn(): void {
  asked = null;
  who.me = null;
}

/**
 * Whether the reader may do something with a thing of a name, or without a name with anything at all.
 *
 * @param tags Those of the DAG, if it is one: grants may name them.
 */
export function may(permission: Permission, name?: string, tags: readonly string[] = []): boolean {
  const { me, rules } = who;
  const rule = rules.find((each) => each.permission === permission);
  if (!me || !rule || (me.only && !me.only.includes(permission))) return false;
  return me.grants.some((grant) => {
    if (!rule.roles.includes(grant.role)) return false;
    if (rule.scope === "installation") return grant.installation;
    const globs = { dag: grant.dags, connection: grant.connections, variable: grant.variables, pool: grant.pools }[rule.scope];
    if (name === undefined) return globs.length > 0 || (rule.scope === "dag" && grant.tags.length > 0);
    return globs.some((glob) => fits(glob, name)) || (rule.scope === "dag" && grant.tags.some((tag) => tags.includes(tag)));
  });
}
