// What the session engine waits for, where there is nothing to wait for: who asks with `then` is called within the
// call. Messages that wait for a promise each, one of them longer than the other, overtake one another (MQTT 5.0 4.6).

export class AtOnce<T> implements PromiseLike<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  // biome-ignore lint/suspicious/noThenProperty: it stands for a promise
  then<R>(onFulfilled?: ((value: T) => R | PromiseLike<R>) | null): PromiseLike<R> {
    if (!onFulfilled) return this as PromiseLike<unknown> as PromiseLike<R>;
    const result = onFulfilled(this.#value);
    return isThenable(result) ? result : new AtOnce(result);
  }
}

function isThenable<R>(result: R | PromiseLike<R>): result is PromiseLike<R> {
  return typeof result === 'object' && result !== null && 'then' in result;
}
