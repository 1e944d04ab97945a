/** Maintenance windows in words. */
import { DAYS, type Day, type MaintenanceWindow } from '../../api/maintenance';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';

/** `Mon–Fri`, `Sat, Sun`; none is every day. */
export function daysText(days: readonly Day[]): string {
  const words = text.alerts.maintenance;
  const chosen = DAYS.filter((day) => days.includes(day));
  if (chosen.length === 0 || chosen.length === DAYS.length) return words.everyDay;
  const names = chosen.map((day) => words.days[day]);
  const [first, last] = [chosen[0], chosen.at(-1)];
  const isRun = first && last && DAYS.indexOf(last) - DAYS.indexOf(first) === chosen.length - 1;
  return isRun && chosen.length > 2 ? `${words.days[first]}–${words.days[last]}` : names.join(words.between);
}

/** When it is open, by the clock of its place. */
export function timesText({ days, from, to, zone }: MaintenanceWindow): string {
  return `${daysText(days)} ${from}–${to} ${zone}`;
}

/** Until when it is open, or when it opens next, by the reader's clock. */
export function nextText({ open, opensMs, closesMs }: MaintenanceWindow): string {
  const words = text.alerts.maintenance;
  if (open) return closesMs === null ? words.always : words.openUntil(formatDateTime(closesMs));
  return opensMs === null ? words.never : formatDateTime(opensMs);
}

/** Where it is changed. */
export function originText({ id, origin, line, author }: MaintenanceWindow): string {
  const words = text.alerts.maintenance;
  if (id === null) return line === null ? origin : `${origin}:${String(line)}`;
  return words.madeBy(author ?? '');
}
