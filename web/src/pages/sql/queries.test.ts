import { describe, expect, it } from 'vitest';

import {
  LONGEST_KEPT,
  MOST_HISTORY,
  MOST_SAVED,
  addToHistory,
  briefly,
  isSavedList,
  saveQuery,
} from './queries';

describe('queries that are kept', () => {
  it('history has each once, the newest first, and no more than so many', () => {
    expect(addToHistory(['b', 'a'], ' a ')).toEqual(['a', 'b']);
    expect(addToHistory(['a'], '  ')).toEqual(['a']);
    expect(addToHistory(['a'], 'x'.repeat(LONGEST_KEPT + 1))).toEqual(['a']);
    const many = Array.from({ length: MOST_HISTORY }, (_, index) => String(index));
    expect(addToHistory(many, 'new')).toHaveLength(MOST_HISTORY);
  });

  it('a saved one is replaced by its name', () => {
    const saved = saveQuery(saveQuery([], 'top', 'SELECT 1'), 'top', 'SELECT 2');
    expect(saved).toEqual([{ name: 'top', query: 'SELECT 2' }]);
    expect(saveQuery(saved, ' ', 'SELECT 3')).toBe(saved);
    const many = Array.from({ length: MOST_SAVED }, (_, index) => ({ name: String(index), query: 'q' }));
    expect(saveQuery(many, 'new', 'q')).toHaveLength(MOST_SAVED);
  });

  it('what a browser kept is looked at before it is believed', () => {
    expect(isSavedList([{ name: 'a', query: 'b' }])).toBe(true);
    for (const bad of [null, {}, ['a'], [{ name: 1, query: 'b' }], [null]])
      expect(isSavedList(bad)).toBe(false);
  });

  it('a query in one line', () => expect(briefly(' SELECT\n  1 ')).toBe('SELECT 1'));
});
