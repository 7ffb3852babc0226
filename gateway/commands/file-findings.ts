// What is wrong with the files that a configuration names: the password file, and those of the TLS listeners. Asked of
// those who load them when the gateway starts, so that what would stop it there is found before. The files are read as
// whoever runs the command; the gateway may run as somebody else.

import { messageOf, SluiceError } from '../../config/errors.ts';
import { type Finding, problem, warning } from '../../config/finding.ts';
import type { Config } from '../../config/settings.ts';
import { Groups } from '../admission/identity/group-of.ts';
import {
  modeWarnings,
  parsePasswordFile,
  problemText,
  readPasswordFile,
} from '../admission/identity/password-file.ts';
import { describeUnknownGroup, unknownGroups } from '../admission/identity/unknown-groups.ts';
import { readPemFile } from '../listener/tls/pem-file.ts';
import { loadTlsContext, type TlsListenerConfig } from '../listener/tls/tls-context.ts';

const USERS_FILE = 'access.usersFile';

export async function fileFindings(config: Config, nowMs: number): Promise<Finding[]> {
  const ofListeners = config.listeners.flatMap((listener, index) =>
    'certFile' in listener ? tlsFindings(listener, `listeners.${index}`, nowMs) : [],
  );
  return [...ofListeners, ...(await usersFindings(config.access))];
}

async function usersFindings({ usersFile, groups }: Config['access']): Promise<Finding[]> {
  if (usersFile === '') return [];
  try {
    const { text, mode } = await readPasswordFile(usersFile);
    const { users, problems } = parsePasswordFile(text);
    const known = new Groups(groups);
    return [
      ...problems.map((found) =>
        problem([USERS_FILE], {
          message: problemText(usersFile, found),
          hint: 'Mend it, or nobody can sign in by this file.',
        }),
      ),
      ...modeWarnings(usersFile, mode).map((message) => warning([USERS_FILE], { message, hint: '' })),
      ...unknownGroups(users, (group) => known.has(group)).map((unknown) =>
        warning([USERS_FILE, 'access.groups'], {
          message: `${usersFile} has the ${describeUnknownGroup(unknown)}, which access.groups does not have: refused`,
          hint: 'Add the group to access.groups, or mend its name in the file.',
        }),
      ),
    ];
  } catch (error) {
    return [refusal(USERS_FILE, error)];
  }
}

/** Every file that cannot be read; else the first thing that is wrong with what they hold; else what is odd. */
function tlsFindings(listener: TlsListenerConfig, path: string, nowMs: number): Finding[] {
  const unreadable = filesOf(listener).flatMap((name) => {
    try {
      readPemFile(listener[name]);
      return [];
    } catch (error) {
      return [refusal(`${path}.${name}`, error)];
    }
  });
  if (unreadable.length > 0) return unreadable;
  const settingOf = (told: string): string => {
    // Faults and warnings begin with the file that they are about.
    const name = filesOf(listener).find(
      (key) => told.startsWith(listener[key]) && /^[ :]/.test(told.slice(listener[key].length)),
    );
    return `${path}.${name ?? 'certFile'}`;
  };
  try {
    // An authority that nobody is asked for is told by the rules between settings already.
    const caFile = listener.clientCertificates === 'none' ? '' : listener.caFile;
    const { warnings } = loadTlsContext({ ...listener, caFile }, nowMs);
    return warnings.map((message) => warning([settingOf(message)], { message, hint: '' }));
  } catch (error) {
    return [refusal(settingOf(messageOf(error)), error)];
  }
}

type FileSetting = 'certFile' | 'keyFile' | 'caFile' | 'crlFile';

/** Those that the listener reads. */
function filesOf(listener: TlsListenerConfig): FileSetting[] {
  const own: FileSetting[] = ['certFile', 'keyFile'];
  const trust: FileSetting[] = listener.clientCertificates === 'none' ? [] : ['caFile', 'crlFile'];
  return [...own, ...trust.filter((name) => listener[name] !== '')];
}

function refusal(path: string, error: unknown): Finding {
  const hint = error instanceof SluiceError ? (error.hint ?? '') : '';
  return problem([path], {
    message: messageOf(error),
    hint: hint === '' || hint.endsWith('.') ? hint : `${hint}.`,
  });
}
