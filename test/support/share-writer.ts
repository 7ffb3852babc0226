// A process that stores and delivers at random until it is killed: `node share-writer.ts <directory> <seed>`. Says
// "commits" when it has begun.

import { Random } from './mqtt-frame-random.ts';
import { ShareStore } from './share-store.ts';

const [directory, seed] = process.argv.slice(2);
const random = new Random(Number(seed));
const store = new ShareStore(directory);
await store.start();
process.stdout.write('commits\n');
for (;;) {
  for (let i = random.int(30); i >= 0; i--)
    store.append(`dev-${random.int(7)}`, random.bytes(random.int(60)), random.int(2));
  await store.drained();
  if (random.chance(30)) await store.deliver(random.pick(['main', 'bulk']), random.int(40));
}
