// How clients can show who they are, as the settings say. Admission asks the same: once anybody can, nobody
// may do what no rule allows.

import type { Config, ListenerConfig } from './settings.ts';

/** Whether clients of the listener can show a certificate. */
export function asksForCertificates(listener: ListenerConfig): boolean {
  return 'clientCertificates' in listener && listener.clientCertificates !== 'none';
}

/** Whether passwords are asked for. */
export function hasPasswords({ access }: Pick<Config, 'access'>): boolean {
  return access.usersFile !== '' || access.hook.url !== '';
}

/** Whether anybody can show who he is. */
export function hasUsers(config: Pick<Config, 'access' | 'listeners'>): boolean {
  return hasPasswords(config) || config.listeners.some(asksForCertificates);
}
