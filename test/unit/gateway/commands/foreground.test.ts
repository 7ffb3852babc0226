import { describe, expect, test } from 'vitest';
import { SluiceError } from '../../../../config/errors.ts';
import { exitCodeOf, faultLine } from '../../../../gateway/commands/foreground.ts';

describe('how a command tells a fault', () => {
  test('is one line with the hint', () => {
    const error = new SluiceError('X', 'it\n  broke', { kind: 'permanent', hint: 'Mend it.' });
    expect(faultLine(error)).toBe('sluice: it broke. Mend it.');
  });

  test('is the message alone where nobody knows better', () => {
    expect(faultLine(new Error('it broke'))).toBe('sluice: it broke');
    expect(faultLine('it broke')).toBe('sluice: it broke');
  });
});

describe('the exit code of a command that was cut short', () => {
  test('is that of an interruption, and 0 when the reader had enough', () => {
    expect(exitCodeOf(AbortSignal.abort('interrupted'))).toBe(130);
    expect(exitCodeOf(AbortSignal.abort('output-closed'))).toBe(0);
  });
});
