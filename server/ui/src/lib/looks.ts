/** Who looks for what is new, round by round: which look may be answered what is a second old, and which may not. */

/** Looks in a row after which what is shown changes so fast that a second is nothing to a reader. */
const EXACT = 2;

/**
 * Rounds of looks. While something changes all the time, hundreds of pages ask for the same over and over: they may be given what another
 * one was just given. Whoever was is let look once more when no more is told, so that each ends with what is there.
 */
export class Looks<T> {
  #told = new Set<T>();
  #old = new Set<T>();
  #inARow = new Map<T, number>();

  /** Have somebody look in the next round, as what it shows has changed. */
  tell(who: T): void {
    this.#told.add(who);
  }

  forget(who: T): void {
    this.#told.delete(who);
    this.#old.delete(who);
    this.#inARow.delete(who);
  }

  /** Whether nobody is to look. */
  get done(): boolean {
    return !this.#told.size && !this.#old.size;
  }

  /** Who looks now, each with whether the answer may be old. */
  round(): [T, boolean][] {
    const [told, old, before] = [this.#told, this.#old, this.#inARow];
    [this.#told, this.#old, this.#inARow] = [new Set(), new Set(), new Map()];
    return [...new Set([...told, ...old])].map((who) => {
      const inARow = before.get(who) ?? 0;
      const mayBeOld = told.has(who) && inARow >= EXACT;
      if (mayBeOld) this.#old.add(who);
      this.#inARow.set(who, inARow + 1);
      return [who, mayBeOld];
    });
  }
}
