/** What the reader may do with a DAG, on pages that do not show it, and so do not know its tags. */

import { may, who } from "./access.svelte.ts";
import { call } from "./api/client.ts";
import type { Permission } from "./api/routes.ts";
import { Loaded } from "./loaded.svelte.ts";

export class DagAccess {
  #tags: Loaded<readonly string[]>;

  /** Must be made while a component is. The tags are asked for only if a grant of the reader names some. */
  constructor(readonly dag: () => string) {
    const named = (): boolean => (who.me?.grants ?? []).some((grant) => grant.tags.length);
    this.#tags = new Loaded(
      () => (named() ? dag() : ""),
      async (signal) => (named() ? (await call("GET /dags/{dag_id}", { dag_id: dag() }, signal)).summary.tags : []),
    );
  }

  may(permission: Permission): boolean {
    return may(permission, this.dag(), this.#tags.value ?? []);
  }
}
