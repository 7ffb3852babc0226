// What is told of opening the store: how it was found, and what was mended or put aside.

import type { Logger } from '../config/logger.ts';
import type { OpenEvent } from '../storage/open/open-database.ts';
import type { StoreState } from '../storage/store-messages.ts';

/** While it is being opened. */
export function reportOpening(log: Logger, event: OpenEvent): void {
  switch (event.kind) {
    case 'salvage-started':
      log.error(
        { damage: event.damage },
        'the store is damaged and is being salvaged; this may take a while',
      );
      break;
    case 'salvage-progress':
      log.info('salvaging');
      break;
    case 'salvage-done':
      log.info('salvaged');
      break;
  }
}

/** When it is open. */
export function reportOpened(log: Logger, { gatewayId, report, lanes }: StoreState): void {
  const { outcome, lastStopWasClean, repairs, salvage } = report;
  const known = outcome === 'created' ? {} : { lastStopWasClean };
  log.info({ gateway: gatewayId, outcome, ...known, lanes }, 'store open');
  for (const repair of repairs)
    log.warn({ repair }, 'a damaged part of the store was put right or put aside');
  if (salvage !== null)
    log.error({ salvage }, 'the store was damaged: what could be read was kept, the rest put aside');
}
