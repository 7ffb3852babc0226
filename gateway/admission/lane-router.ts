// Which lane a topic's messages go to: the first whose filters match (configuration: lanes). Asked once per topic;
// TopicTable remembers the answer.

import type { LaneConfig } from '../../config/settings.ts';
import { SubscriptionTrie } from '../../storage/sessions/subscription-trie.ts';

export function laneRouter(lanes: readonly LaneConfig[]): (topic: string) => number {
  const filters = new SubscriptionTrie<number>();
  lanes.forEach((lane, index) => {
    for (const filter of lane.match) filters.add(filter, index);
  });
  return (topic) => {
    // The configuration sees to it that the last lane takes everything; but `#` does not match a leading `$`
    // (MQTT 4.7.2).
    let first = lanes.length - 1;
    for (const lane of filters.match(topic)) first = Math.min(first, lane);
    return first;
  };
}
