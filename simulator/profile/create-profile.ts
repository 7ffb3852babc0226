// Makes the profile of one device from its settings. What is random in it comes from `random` alone.

import { SluiceError } from '../../config/errors.ts';
import type { Recordings } from '../payload/recordings.ts';
import { BurstProfile } from './burst-profile.ts';
import { DiurnalProfile } from './diurnal-profile.ts';
import { DutyCycleProfile } from './duty-cycle-profile.ts';
import { FixedProfile } from './fixed-profile.ts';
import { type HasChanged, OnChangeProfile } from './on-change-profile.ts';
import type { Profile } from './profile.ts';
import type { ProfileSettings } from './profile-settings.ts';
import { ReplayProfile } from './replay-profile.ts';
import { StoreAndFlushProfile } from './store-and-flush-profile.ts';

/** What some profiles need of the rest of their device. */
export interface ProfileLinks {
  /** For `on-change`: of the device's payloads (create-payload-source.ts). */
  hasChanged?: HasChanged;
  /** For `replay`: the device's index in the fleet, and the recorded files, the same that its payloads have. */
  index?: number;
  recordings?: Recordings;
}

/** `settings` without problems (profile-problems.ts). Throws SluiceError when a recorded file cannot be used. */
export function createProfile(
  settings: ProfileSettings,
  random: () => number,
  links: ProfileLinks = {},
): Profile {
  switch (settings.type) {
    case 'fixed':
      return new FixedProfile(settings, random);
    case 'flood':
      return { next: () => undefined }; // the device sends whenever its window has room
    case 'on-change':
      return new OnChangeProfile(settings, random, links.hasChanged ?? missing('on-change', 'hasChanged'));
    case 'burst':
      return new BurstProfile(settings, random);
    case 'diurnal':
      return new DiurnalProfile(settings, random);
    case 'duty-cycle':
      return new DutyCycleProfile(settings, random);
    case 'store-and-flush':
      return new StoreAndFlushProfile(settings, random);
    case 'replay': {
      const recordings = links.recordings ?? missing('replay', 'recordings');
      const track = recordings.track(settings, links.index ?? missing('replay', 'index'));
      return new ReplayProfile(settings, track, recordings.times(settings));
    }
  }
}

/** Whether a device connects by its own profile, and is offline until that says so. */
export function isAsleepAtFirst(settings: ProfileSettings): boolean {
  return settings.type === 'duty-cycle' || (settings.type === 'store-and-flush' && !settings.stayConnected);
}

function missing(type: string, link: string): never {
  const message = `a profile of type ${type} was made without ${link}`;
  throw new SluiceError('PROFILE_LINK_MISSING', message, { kind: 'fatal' });
}
