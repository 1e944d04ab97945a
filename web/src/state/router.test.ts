import { describe, expect, it } from 'vitest';

import { hostPath, parseRoute, processPath } from './router';

describe('routes', () => {
  it('knows the fleet and hosts', () => {
    expect(parseRoute('/')).toEqual({ page: 'fleet' });
    expect(parseRoute('/hosts/db-01')).toEqual({ page: 'host', host: 'db-01' });
    expect(parseRoute('/storage')).toEqual({ page: 'storage' });
    expect(parseRoute('/storage/x')).toEqual({ page: 'unknown' });
    expect(parseRoute('/access')).toEqual({ page: 'access' });
    expect(parseRoute('/about/')).toEqual({ page: 'about' });
    expect(parseRoute('/hosts/a/processes/7/soon')).toEqual({ page: 'unknown' });
    expect(parseRoute('/hosts/a/processes/7')).toEqual({ page: 'unknown' });
    expect(parseRoute('/hosts')).toEqual({ page: 'unknown' });
    expect(parseRoute('/hosts/%E0%A4%A')).toEqual({ page: 'unknown' });
  });
  it.each(['db-01', 'a/b', 'ü 中', '50%'])('%j comes back', (host) => {
    expect(parseRoute(hostPath(host))).toEqual({ page: 'host', host });
    const process = { pid: 4711, startMs: 1_763_608_325_120 };
    expect(parseRoute(processPath(host, process))).toEqual({ page: 'process', host, process });
  });
});
