// Settings of `access`: who may connect, in which group that puts them, and what they may publish and subscribe to.
// Names in lists are patterns in which * stands for any characters. In topic filters {client}, {user} and {group} stand
// for those of the client; a filter whose value has a slash or a wildcard in it grants nothing.

import { days, limits, MiB, minutes, seconds } from './limits.ts';
import { bool, bytes, duration, int, list, map, object, oneOf, string, url } from './schema/field.ts';
import { accessFilterFault } from './topic-filter.ts';

const names = (help: string, everybody: boolean) =>
  list(help, {
    item: string('A name, or a pattern with *.', { lengthMax: 256, form: 'a name, or a pattern with *' }),
    default: everybody ? ['*'] : [],
    lengthMax: limits.namesMax,
  });

const filters = (help: string) =>
  list(help, {
    item: string('An MQTT topic filter, with placeholders.', {
      lengthMax: 1024,
      form: "an MQTT topic filter such as 'plant/{client}/#'",
      check: accessFilterFault,
    }),
    default: [],
    lengthMax: limits.filtersMax,
  });

const group = object('Clients that are treated alike.', {
  users: names(
    'Users who are in this group, unless the password file or the hook says another; the first group that matches.',
    false,
  ),
  clientIds: names('Client ids its members may use; {user} stands for their user name.', true),
  tenant: string('Puts its members under this first topic level, so that they see nothing outside of it.', {
    default: '',
    pattern: '[A-Za-z0-9._-]{1,64}',
    form: '1 to 64 of the characters A-Z a-z 0-9 . _ -',
  }),
  weight: int('Share of the gateway when it has to slow down; twice the weight is twice the share.', {
    ...limits.weight,
    default: 1,
  }),
});

const rule = object('What some clients may do; it holds for those who match all three lists.', {
  users: names('User names; "" is a client without one.', true),
  clients: names('Client ids.', true),
  groups: names('Names of groups.', true),
  publish: filters('Topics they may publish to.'),
  subscribe: filters('Topic filters they may subscribe to, and every narrower one.'),
});

export const access = object('Who may connect and what they may do.', {
  anonymous: bool('Let in clients without a user name or certificate.', { default: false }),
  usersFile: string('File with users and scrypt hashes, written by `sluice passwd`; empty is none.', {
    default: '',
    lengthMax: 4096,
    form: 'the path of a file',
  }),
  hook: object('A web service that is asked about user names the password file does not have.', {
    url: url('Where it is; empty is none. What comes after a ? is never printed.', {
      schemes: ['http', 'https'],
      default: '',
      instead: 'Give the service a key after a ?, such as https://host/path?key=..., which is never printed.',
    }),
    timeoutMs: duration('How long it may take to answer.', { ...limits.hookTimeoutMs, default: 2 * seconds }),
    cacheMs: duration('How long its answer holds.', { ...limits.hookCacheMs, default: 1 * minutes }),
    silent: oneOf(
      'When it does not answer: refuse, or keep to its last answer, if that is no older than staleMs.',
      {
        values: ['refuse', 'last-answer'],
        default: 'refuse',
      },
    ),
    staleMs: duration('How old an answer may be for last-answer.', {
      ...limits.hookStaleMs,
      default: 1 * days,
    }),
  }),
  failures: object('Slows down addresses from which sign-ins keep failing.', {
    free: int('Failures that are answered at once.', { ...limits.failuresFree, default: 5 }),
    delayMs: duration('Wait before the answer to the next one; it doubles each time.', {
      ...limits.failureDelayMs,
      default: 500,
    }),
    delayMaxMs: duration('Longest such wait; from then on they are refused unheard.', {
      ...limits.failureDelayMs,
      default: 4 * seconds,
    }),
    forgetMs: duration('How long an address must be good to be forgiven.', {
      ...limits.failureForgetMs,
      default: 10 * minutes,
    }),
  }),
  reloadMs: duration('How often certificates, keys and the password file are looked at for changes.', {
    ...limits.reloadMs,
    default: 2 * seconds,
  }),
  groups: map('Groups of clients; everybody who is in none is in "default".', {
    item: group,
    entry: 'name',
    pattern: '[A-Za-z0-9._-]{1,64}',
    form: '1 to 64 of the characters A-Z a-z 0-9 . _ -',
    entriesMax: limits.groupsMax,
  }),
  rules: list('What may be published and subscribed to; once there are users or rules, nothing else.', {
    item: rule,
    default: [],
    lengthMax: limits.rulesMax,
  }),
  audit: object('A line of JSON for each refusal and each change of who may do what.', {
    file: string('Where; relative to the data directory.', {
      default: 'audit/audit.log',
      lengthMax: 4096,
      form: 'the path of a file',
    }),
    fileBytesMax: bytes('Size at which a new file is begun.', { ...limits.auditBytes, default: 10 * MiB }),
    filesMax: int('Files that are kept, the current one included.', { ...limits.auditFiles, default: 5 }),
  }),
});
