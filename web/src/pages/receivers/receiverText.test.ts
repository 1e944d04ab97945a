import { describe, expect, it } from 'vitest';

import { ofWhat, queueText, verdictText, whenText } from './receiverText';

describe('receivers in words', () => {
  it('says what of', () => {
    expect(ofWhat({ severity: 'info', matchers: [] })).toBe('every alert');
    const matchers = [{ label: 'team', pattern: 'db*' }];
    expect(ofWhat({ severity: 'warning', matchers })).toBe('warning and worse · team=db*');
  });

  it('says when', () => {
    const always = { during: [], time_zone: 'UTC', open: true, after_seconds: 0 };
    expect(whenText(always)).toBe('always');
    const night = {
      during: ['22:00-06:00', 'sun'],
      time_zone: 'Asia/Shanghai',
      open: false,
      after_seconds: 900,
    };
    expect(whenText(night)).toBe(
      '22:00-06:00, sun (Asia/Shanghai) · not now · only after 15m, if nobody acknowledges',
    );
  });

  it('says what waits', () => {
    const none = { queued: 0, attempts: 0, waitingSinceMs: null, nextTryMs: null };
    expect(queueText(none, 0)).toBe('0');
    const tried = { queued: 3, attempts: 4, waitingSinceMs: 1000, nextTryMs: 321_000 };
    expect(queueText(tried, 301_000)).toBe('3, for 5m; tried 4 times, again in 20s');
    expect(queueText({ ...tried, attempts: 0, nextTryMs: null }, 301_000)).toBe('3, for 5m');
  });

  it('says who would be told, and why not', () => {
    const told = { name: 'ops', told: true, after_seconds: 0, reason: null, matcher: null } as const;
    expect(verdictText(told)).toBe('is told');
    expect(verdictText({ ...told, after_seconds: 60 })).toBe('is told after 1m, if nobody acknowledges');
    const not = { ...told, told: false } as const;
    const matcher = { label: 'team', pattern: 'db*' };
    expect(verdictText({ ...not, reason: 'matcher', matcher })).toBe('is not told: team=db* does not match');
    expect(verdictText({ ...not, reason: 'time' })).toContain('when its time begins');
    expect(verdictText({ ...not, reason: 'severity' })).toContain('worse');
  });
});
