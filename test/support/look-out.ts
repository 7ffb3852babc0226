// Waiting for something that is told when it comes: whoever waits looks each time that there may be something to see.
// Nothing here ends a wait but what is waited for; the test's own time limit does.

export class LookOut {
  #waiting: (() => void)[] = [];

  /** Something has happened: whoever waits looks whether it is what he waits for. */
  look(): void {
    for (const look of this.#waiting) look();
  }

  /** Resolves when `isThere` holds, at once when it does already. */
  until(isThere: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isThere()) return;
        this.#waiting = this.#waiting.filter((other) => other !== look);
        resolve();
      };
      this.#waiting.push(look);
      look();
    });
  }
}
