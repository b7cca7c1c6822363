// Turns: those who want the same thing get it one after the other, in order of asking.

export interface Turns {
  /** Resolves when it is this caller's turn at `name`, to a function that ends the turn. */
  take(name: string): Promise<() => void>;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>();
  return {
    async take(name) {
      const before = last.get(name);
      let end = (): void => {};
      const mine = new Promise<void>((resolve) => {
        end = resolve;
      });
      last.set(name, mine);
      await before;
      return () => {
        if (last.get(name) === mine) last.delete(name);
        end();
      };
    },
  };
}
