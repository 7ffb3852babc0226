// The process's monotonic clock in milliseconds, the same in every thread (performance.now has an origin per
// thread).

export function processMonotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}
