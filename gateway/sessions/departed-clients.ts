// What the session engine (aedes) remembers of clients that have gone. By itself it keeps the whole client - with it
// the connection, its streams and buffers, some 20 KiB - until the session expires or the delayed will is due, which
// may be days, and for as many sessions as are kept. Here it keeps what it needs of it, which is next to nothing.

import type { EngineBroker } from './engine-types.ts';
import type { FaultFence, Fenced } from './fault-fence.ts';

export interface DepartedClientsOptions {
  fence: FaultFence;
  /** At whose door a fault is laid when the client has long gone; a timer remembers that, too. */
  owner: Fenced;
}

/** Call before the broker has clients. */
export function forgetDepartedClients(broker: EngineBroker, { fence, owner }: DepartedClientsOptions): void {
  const { scheduleSessionExpiry, scheduleWill } = broker;
  // Sessions that outlive their connection end by SessionPersistence.expireSessions (MQTT 5.0 3.1.2.11.2).
  broker.scheduleSessionExpiry = (client) => {
    if (client.sessionExpiryInterval === 0) scheduleSessionExpiry.call(broker, client);
  };
  // Of whose will it is, the name is all that counts (MQTT 5.0 3.1.3.2.2).
  broker.scheduleWill = ({ id }, will, delayS) =>
    fence.run(owner, () => scheduleWill.call(broker, { id }, will, delayS));
}
