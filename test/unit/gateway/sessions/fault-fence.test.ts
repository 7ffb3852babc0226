import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** In a process of its own: the test runner has handlers of its own for what nobody catches. */
function run(body: string): string[] {
  const script = `
    import { FaultFence } from './gateway/sessions/fault-fence.ts';
    const said = [];
    const fence = new FaultFence((error) => said.push('fatal ' + error.message));
    const owner = (name) => ({ faulted: (error) => said.push(name + ' ' + error.message) });
    fence.install();
    ${body}
    setTimeout(() => console.log(JSON.stringify(said)), 50);`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(child.stderr).toBe('');
  return JSON.parse(child.stdout) as string[];
}

test('an exception is laid at the door of the client it was thrown for, however it was deferred', () => {
  const said = run(`
    fence.run(owner('a'), () => setImmediate(() => { throw new Error('immediate'); }));
    fence.run(owner('b'), () => process.nextTick(() => { throw new Error('tick'); }));
    fence.run(owner('c'), () => void Promise.resolve().then(() => { throw new Error('promise'); }));
    fence.run(owner('d'), () => setTimeout(() => { throw new Error('timer'); }, 5));`);
  expect(said.sort()).toEqual(['a immediate', 'b tick', 'c promise', 'd timer']);
});

test('a fault outside the engine is fatal', () => {
  expect(run(`setImmediate(() => { throw new Error('ours'); });`)).toEqual(['fatal ours']);
});
