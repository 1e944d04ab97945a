import { describe, expect, it } from 'vitest';

import { parseMetrics, sumOf } from './metrics';

const body = `# HELP tacho_build_info Which version this is.
# TYPE tacho_build_info gauge
tacho_build_info{version="0.1.0"} 1
tacho_http_requests_total{route="/a",method="GET",status="200"} 3
tacho_http_requests_total{route="/a \\"b\\\\c\\"",method="GET",status="500"} 2
tacho_history_bytes 1.5e6
nonsense
x NaN
`;

describe('metrics of the server', () => {
  it('are read with their labels', () => {
    const samples = parseMetrics(body);
    expect(samples).toHaveLength(4);
    expect(samples[0]).toEqual({ name: 'tacho_build_info', labels: { version: '0.1.0' }, value: 1 });
    expect(samples[2]?.labels['route']).toBe('/a "b\\c"');
    expect(sumOf(samples, 'tacho_http_requests_total')).toBe(5);
    expect(sumOf(samples, 'tacho_history_bytes')).toBe(1_500_000);
    expect(sumOf(samples, 'tacho_nothing')).toBeNull();
  });
});
