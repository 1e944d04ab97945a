import { describe, expect, it } from 'vitest';

import { hostPath, parseRoute } from './router';

describe('routes', () => {
  it('knows the fleet and hosts', () => {
    expect(parseRoute('/')).toEqual({ page: 'fleet' });
    expect(parseRoute('/hosts/db-01')).toEqual({ page: 'host', host: 'db-01' });
    expect(parseRoute('/storage')).toEqual({ page: 'storage' });
    expect(parseRoute('/storage/x')).toEqual({ page: 'unknown' });
    expect(parseRoute('/hosts')).toEqual({ page: 'unknown' });
    expect(parseRoute('/hosts/%E0%A4%A')).toEqual({ page: 'unknown' });
  });
  it.each(['db-01', 'a/b', 'ü 中', '50%'])('%j comes back', (host) => {
    expect(parseRoute(hostPath(host))).toEqual({ page: 'host', host });
  });
});
