/** What the SQL page shows, in its address: the query that a link hands on, and how its result is shown. */
export interface SqlView {
  readonly query: string;
  readonly show: 'table' | 'chart';
}

/** Longer ones stay out of the address: servers on the way and chats cut them. */
const LONGEST = 6000;

export function encodeSqlView({ query, show }: SqlView): string {
  const params = new URLSearchParams();
  if (query !== '' && query.length <= LONGEST) params.set('q', query);
  if (show === 'chart') params.set('show', 'chart');
  const search = params.toString();
  return search === '' ? '' : `?${search}`;
}

export function decodeSqlView(search: string): SqlView {
  const params = new URLSearchParams(search);
  return { query: params.get('q') ?? '', show: params.get('show') === 'chart' ? 'chart' : 'table' };
}
