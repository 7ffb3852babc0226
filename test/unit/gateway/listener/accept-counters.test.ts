import { expect, test } from 'vitest';
import { createAcceptCounters, refusedEarly } from '../../../../gateway/listener/accept-counters.ts';

test('those who were kept out before they were clients are summed over the listeners, others are not', () => {
  const [one, other] = [createAcceptCounters(), createAcceptCounters()];
  one.handshakeFailures['not-tls'] = 2;
  other.handshakeFailures['not-tls'] = 3;
  other.certificateRefusals.expired = 1;
  other.overLimit = 4;
  one.handshakes = 9;
  one.contextSwapFailures = 1;
  const { refusedHandshakes, refusedCertificates, closedUnheard } = refusedEarly([
    { counters: one },
    { counters: other },
  ]);
  const grown = (counts: Record<string, number>) => Object.entries(counts).filter(([, count]) => count > 0);
  expect(grown(refusedHandshakes)).toEqual([['not-tls', 5]]);
  expect(grown(refusedCertificates)).toEqual([['expired', 1]]);
  expect(grown(closedUnheard)).toEqual([['overLimit', 4]]);
});
