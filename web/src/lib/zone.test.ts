import { afterEach, describe, expect, it } from 'vitest';

import { formatDateTime, fromLocalInput, timeTicks, toLocalInput } from './time';
import { currentZone, fromWall, isZone, setZone, zoneLabel, zoneOffset } from './zone';

afterEach(() => setZone('browser'));

const at = (text: string): number => Date.parse(text);

describe('zones', () => {
  it('knows offsets before and after clocks change', () => {
    setZone('Europe/Berlin');
    expect(zoneOffset(at('2026-01-15T12:00:00Z'))).toBe(3_600_000);
    expect(zoneOffset(at('2026-07-15T12:00:00Z'))).toBe(7_200_000);
    expect(zoneOffset(at('2026-03-29T00:59:59Z'))).toBe(3_600_000);
    expect(zoneOffset(at('2026-03-29T01:00:00Z'))).toBe(7_200_000);
    setZone('Asia/Kathmandu');
    expect(zoneLabel(at('2026-01-15T12:00:00Z'))).toBe('UTC+5:45');
    setZone('America/St_Johns');
    expect(zoneLabel(at('2026-01-15T12:00:00Z'))).toBe('UTC−3:30');
    setZone('UTC');
    expect(zoneLabel(0)).toBe('UTC');
  });

  it.each(['Europe/Berlin', 'UTC', 'Asia/Shanghai', 'America/Los_Angeles'])(
    'an instant comes back through the wall clock of %s',
    (zone) => {
      setZone(zone);
      for (let ms = at('2026-03-28T00:00:00Z'); ms < at('2026-03-30T00:00:00Z'); ms += 1_740_000) {
        expect(fromLocalInput(toLocalInput(ms))).toBe(ms);
      }
    },
  );

  it('an hour that clocks leave out is still an instant near it', () => {
    setZone('Europe/Berlin');
    const ms = fromWall(Date.UTC(2026, 2, 29, 2, 30));
    expect(Math.abs(ms - at('2026-03-29T01:00:00Z'))).toBeLessThanOrEqual(3_600_000);
  });

  it('shows instants and midnights in the zone', () => {
    setZone('Asia/Shanghai');
    expect(formatDateTime(at('2026-11-20T20:00:00Z'))).toBe('2026-11-21 04:00:00');
    const ticks = timeTicks(at('2026-11-20T12:00:00Z'), at('2026-11-21T12:00:00Z'), 8);
    expect(ticks.find(({ major }) => major)).toMatchObject({
      ms: at('2026-11-20T16:00:00Z'),
      label: '2026-11-21',
    });
  });

  it('takes no zone that does not exist', () => {
    expect(isZone('Europe/Berlin')).toBe(true);
    expect(isZone('Mars/Olympus')).toBe(false);
    expect(isZone(7)).toBe(false);
    setZone('Mars/Olympus');
    expect(currentZone()).toBe('browser');
  });
});
