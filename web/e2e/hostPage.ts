/** The host page as a test sees it: by roles, labels and times. */
import { type Locator, type Page, type Response, expect } from '@playwright/test';

const iso = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');

export interface ListedProcess {
  readonly pid: number;
  readonly name: string;
  readonly cpu: number;
}

export class HostScreen {
  readonly page: Page;
  readonly charts: Locator;
  readonly overlay: Locator;
  readonly table: Locator;
  readonly panel: Locator;

  constructor(page: Page) {
    this.page = page;
    this.charts = page.getByRole('group', { name: 'Charts of this host' });
    this.overlay = page.getByRole('slider', { name: 'Instant in time' });
    this.table = page.getByRole('table', { name: 'Processes' });
    this.panel = page.getByRole('region', { name: 'Processes' });
  }

  /** Opens a fixed range; done when its series are drawn and the table has rows. */
  async open(host: string, fromMs: number, toMs: number, more = ''): Promise<void> {
    const series = this.page.waitForResponse((response) => response.url().includes('/series?table=host'));
    await this.page.goto(`/hosts/${encodeURIComponent(host)}?from=${iso(fromMs)}&to=${iso(toMs)}${more}`);
    expect((await series).ok()).toBe(true);
    await expect(this.rows().first()).toBeVisible();
  }

  /** The table shows the moment that was asked for, and not still the one before. */
  async settled(): Promise<void> {
    await expect(this.panel.locator('[data-loading]')).toHaveCount(0);
  }

  rows(): Locator {
    return this.table.locator('tbody tr[aria-rowindex]');
  }

  /** The pid and name of the first row. */
  async firstRow(): Promise<{ pid: string; name: string }> {
    const cells = this.rows().first().getByRole('cell');
    return { pid: (await cells.nth(0).innerText()).trim(), name: (await cells.nth(1).innerText()).trim() };
  }

  /** Where an instant is on the screen, near the upper end of what is seen of the charts. */
  async pointOf(ms: number): Promise<{ x: number; y: number }> {
    const box = await this.overlay.boundingBox();
    const from = Number(await this.overlay.getAttribute('aria-valuemin'));
    const to = Number(await this.overlay.getAttribute('aria-valuemax'));
    const pane = await this.charts.boundingBox();
    if (!box || !pane) throw new Error('the charts are not on the screen');
    return { x: box.x + ((ms - from) / (to - from)) * box.width, y: pane.y + 40 };
  }

  async hover(ms: number): Promise<void> {
    const { x, y } = await this.pointOf(ms);
    await this.page.mouse.move(x, y);
  }

  async click(ms: number): Promise<void> {
    const { x, y } = await this.pointOf(ms);
    await this.page.mouse.click(x, y);
  }

  async drag(fromMs: number, toMs: number): Promise<void> {
    const start = await this.pointOf(fromMs);
    const end = await this.pointOf(toMs);
    await this.page.mouse.move(start.x, start.y);
    await this.page.mouse.down();
    await this.page.mouse.move((start.x + end.x) / 2, start.y + 5, { steps: 4 });
    await this.page.mouse.move(end.x, end.y, { steps: 4 });
    await this.page.mouse.up();
  }

  /** The next answer of the process call with that parameter. */
  async answer(parameter: 'at' | 'from'): Promise<ListedProcess[]> {
    const response = await this.page.waitForResponse(
      (candidate) =>
        new URL(candidate.url()).searchParams.has(parameter) && candidate.url().includes('/processes?'),
    );
    return readProcesses(response);
  }

  parameter(name: string): string | null {
    return new URL(this.page.url()).searchParams.get(name);
  }

  time(name: string): number {
    return Date.parse(this.parameter(name) ?? '');
  }
}

/** Processes of an answer, the busiest first, as the table sorts them. */
async function readProcesses(response: Response): Promise<ListedProcess[]> {
  expect(response.ok()).toBe(true);
  const { processes } = (await response.json()) as {
    processes: { pid: number; name: string; cpu_ratio?: number | null; cpu_seconds?: number | null }[];
  };
  return processes
    .map(({ pid, name, cpu_ratio, cpu_seconds }) => ({ pid, name, cpu: cpu_ratio ?? cpu_seconds ?? 0 }))
    .sort((left, right) => right.cpu - left.cpu);
}
