import { describe, expect, it } from 'vitest';

import { buildCsv } from './csv';

describe('comma-separated values', () => {
  it('have a row for each bucket that holds something, and nothing for what is absent', () => {
    const csv = buildCsv(
      [0, 1000, 2000],
      [
        { name: 'cpu.user', values: [0.5, null, undefined] },
        { name: 'a "b", c', values: [null, null, 0] },
      ],
    );
    expect(csv.split('\r\n')).toEqual([
      'time,cpu.user,"a ""b"", c"',
      '1970-01-01T00:00:00.000Z,0.5,',
      '1970-01-01T00:00:02.000Z,,0',
      '',
    ]);
  });
});
