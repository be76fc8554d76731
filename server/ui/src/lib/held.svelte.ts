/** A thing that somebody is about to change: that is done only if it is still as it was when it was shown. */

import { may } from "./access.svelte.ts";
import { call, Refused, tagOf } from "./api/client.ts";
import type { AuditEntry, Routes } from "./api/routes.ts";

export class Held<R extends keyof Routes> {
  #tag = "";

  /**
   * @param route What gives the thing, and nothing else that may change.
   * @param told Whether an entry of the audit tells of a change of it.
   * @param reload Reads anew what the page shows of it.
   */
  constructor(
    readonly route: R,
    readonly parameters: Routes[R]["parameters"],
    readonly told: (entry: AuditEntry) => boolean,
    readonly reload: () => Promise<void>,
  ) {}

  /** Look at it: from now on it is changed only if it is as it is now. */
  async look(): Promise<void> {
    // In this order: what is changed between them is shown, and refused all the same.
    this.#tag = await tagOf(this.route, this.parameters);
    await this.reload();
  }

  /** Change it by another route; a change that it has meanwhile gone through itself is told as one, and looked at. */
  async change<C extends keyof Routes>(route: C, parameters: Routes[C]["parameters"]): Promise<Routes[C]["answer"]> {
    try {
      return await call(route, parameters, undefined, this.#tag);
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 412) throw error;
      throw await this.changed();
    }
  }

  /** What is said of a change that came first; the thing is looked at anew. */
  async changed(): Promise<ChangedMeanwhile> {
    const who = await this.#who();
    const gone = await this.look().then(() => false, (found: unknown) => found instanceof Refused && found.status === 404);
    if (gone) await this.reload();
    return new ChangedMeanwhile(who, gone);
  }

  /** Who has changed it last, by the audit; "" if that is not known here. */
  async #who(): Promise<string> {
    if (!may("audit:read")) return "";
    const entries = await call("GET /audit", { limit: 200 }).then((page) => page.items, () => []);
    return entries.find(this.told)?.person ?? "";
  }
}

export class ChangedMeanwhile extends Refused {
  constructor(who: string, gone: boolean) {
    const by = who ? ` by ${who}` : "";
    super(412, gone ? `It was deleted meanwhile${by}.` : `It was changed meanwhile${by}: look again. Nothing that you typed is lost.`);
  }
}

/** Holds things for the forms of a page. */
export class Holder {
  /** Why the last one could not be held; "" if it was. */
  refused = $state("");

  /** Hold a thing as it is now, and open a form with it. */
  async begin<R extends keyof Routes>(
    route: R, parameters: Routes[R]["parameters"], told: (entry: AuditEntry) => boolean, reload: () => Promise<void>, open: (held: Held<R>) => void,
  ): Promise<void> {
    try {
      const held = new Held(route, parameters, told, reload);
      await held.look();
      this.refused = "";
      open(held);
    } catch (error) {
      this.refused = (error as Error).message;
    }
  }
}

/** Tells the entries of the audit whose subject is a thing, such as "pool 'api'", or something in it or of it. */
export const of = (subject: string) => (entry: AuditEntry): boolean => entry.subject === subject || entry.subject.endsWith(` ${subject}`);
