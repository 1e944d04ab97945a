/** Times leave and enter the API as RFC 3339; inside the page they are milliseconds since the epoch. */
export function parseTime(text: string | null | undefined): number | null {
  if (text == null) return null;
  const ms = Date.parse(text);
  return Number.isFinite(ms) ? ms : null;
}

export function writeTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** The API writes a text that is not there as an empty one. */
export function present(text: string | null | undefined): string | null {
  return text == null || text === '' ? null : text;
}
