// Settings of `pressure`: one number from 0 (idle) to 1 (nothing goes any more) says how hard things are for
// the gateway, and a ladder says what happens at which level. A step is taken at its level and taken back
// below level minus `ease`.

import { limits, seconds } from './limits.ts';
import { bytes, decimal, duration, object } from './schema/field.ts';

const level = (help: string, value: number) => decimal(help, { ...limits.pressureLevel, default: value });

export const pressure = object(
  'What the gateway does when it has too much of everything; 1 as a level is never.',
  {
    lowerReceiveMaximum: level('New MQTT 5 connections may have fewer messages under way.', 0.5),
    shedQos0: level('Messages of QoS 0 are dropped and counted.', 0.7),
    holdLowLanes: level('Messages for lanes of low priority have to wait.', 0.8),
    refuseConnections: level('New connections are refused: server busy.', 0.9),
    stopReading: level('Nothing is read from devices, so pings are not answered either.', 0.97),
    ease: decimal('How far below its level pressure must fall for a step to be taken back.', {
      ...limits.pressureReturn,
      default: 0.1,
    }),
    commitMs: duration('Time for a write to the disk that counts as pressure 1.', {
      ...limits.pressureMs,
      default: 10 * seconds,
    }),
    eventLoopMs: duration('Delay of the event loop that counts as pressure 1.', {
      ...limits.pressureMs,
      default: 2 * seconds,
    }),
    memoryBytesMax: bytes(
      'Resident memory that counts as pressure 1; 0 is three quarters of what the machine has.',
      {
        ...limits.memoryBytes,
        default: 0,
      },
    ),
  },
);
