// What a device says: the payloads of one device, one after the other. Seeded: the same device, seed and times give the
// same bytes.

export interface PayloadContext {
  /** Must be in the payload, as it is (mark.ts). */
  mark: string;
  /** Wall-clock time of the reading as the device's clock has it, ms since 1970. */
  timeMs: number;
  /** The device's own count. */
  sequence: number;
}

export interface PayloadSource {
  next(context: PayloadContext): Buffer;
  /** Whether the values have moved on since the last payload as far as `on-change` asks for; advances them. */
  hasChanged?(): boolean;
}
