/** The pages that are not part of the first file: their code comes when they are wanted, or ahead. */
import { latePage } from './components/latePage';
import type { Route } from './lib/route';

/** Charts are the larger half of the page's code, and neither sign-in nor fleet needs them. */
export const host = latePage(async () => (await import('./pages/host/HostPage')).HostPage);
export const process = latePage(async () => (await import('./pages/process/ProcessPage')).ProcessPage);
export const alerts = latePage(async () => (await import('./pages/alerts/AlertsPage')).AlertsPage);
export const receivers = latePage(
  async () => (await import('./pages/receivers/ReceiversPage')).ReceiversPage,
);
export const events = latePage(async () => (await import('./pages/events/EventsPage')).EventsPage);
export const storage = latePage(async () => (await import('./pages/storage/StoragePage')).StoragePage);
export const sql = latePage(async () => (await import('./pages/sql/SqlPage')).SqlPage);
export const access = latePage(async () => (await import('./pages/access/AccessPage')).AccessPage);
export const about = latePage(async () => (await import('./pages/about/AboutPage')).AboutPage);
export const signIn = latePage(async () => (await import('./pages/signin/SignInPage')).SignInPage);

const late = { host, process, alerts, receivers, events, storage, sql, access, about };

/** Fetches the code of a page, so that it is there when it is drawn. */
export async function fetchPage(page: Route['page']): Promise<void> {
  if (page in late) await late[page as keyof typeof late].fetch();
}
