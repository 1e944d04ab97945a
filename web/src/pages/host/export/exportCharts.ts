/** The charts as a file: what is on the screen as a picture, what it is drawn from as numbers. */
import { buildCsv } from '../../../lib/csv';
import { save } from '../../../lib/save';
import type { Span } from '../../../lib/range';
import { encodeInstant } from '../../../lib/time';
import { lineName } from '../isolate';
import { processOfLine } from '../topTrack';
import { type Track, type TrackId, type TrackLine, isSectionTrack } from '../trackParts';
import type { Grid } from '../../../lib/snap';

/** `db-01 2026-11-20T03.00.00Z.csv`: no signs that a file's name may not have. */
export function fileName(name: string, span: Span, ending: string): string {
  const from = encodeInstant(Math.floor(span.fromMs / 1000) * 1000).replaceAll(':', '.');
  return `${name.replaceAll(/[^\p{L}\p{N}._-]/gu, '_')} ${from}.${ending}`;
}

export function seriesCsv(grid: Grid, tracks: readonly Track[]): string {
  const columns = tracks.flatMap((track) =>
    track.lines.map((line) => ({ name: columnName(track.id, line), values: line.values })),
  );
  return buildCsv(grid.timeMs, columns);
}

/** `disk.read`, of a process `top.cc1.4711`, of one of several disks `disk_read.sda`. */
function columnName(id: TrackId, { key, label, hint }: TrackLine): string {
  const process = id === 'top' ? processOfLine(key) : null;
  if (process) return `top.${label}.${String(process.pid)}`;
  return lineName(id, isSectionTrack(id) && hint !== undefined ? hint : key);
}

export function saveText(name: string, body: string, type: string): void {
  save(name, new Blob([body], { type: `${type};charset=utf-8` }));
}

const HEAD = 34;
const MARGIN = 12;

/** Draws the charts as they are on the screen, with their legends, under a title. */
export function savePicture(name: string, title: string): void {
  const charts = document.querySelector<HTMLElement>('[data-charts]');
  if (!charts) return;
  const box = charts.getBoundingClientRect();
  const canvas = document.createElement('canvas');
  const scale = Math.max(2, window.devicePixelRatio);
  canvas.width = box.width * scale;
  canvas.height = (box.height + HEAD) * scale;
  const context = canvas.getContext('2d');
  if (!context) return;
  context.scale(scale, scale);
  const style = getComputedStyle(charts);
  context.fillStyle = backgroundOf(charts);
  context.fillRect(0, 0, box.width, box.height + HEAD);
  context.fillStyle = style.color;
  context.font = `600 14px ${style.fontFamily}`;
  context.textBaseline = 'middle';
  context.fillText(title, MARGIN, HEAD / 2);
  context.translate(-box.left, HEAD - box.top);
  for (const plot of charts.querySelectorAll('canvas')) {
    const { left, top, width, height } = plot.getBoundingClientRect();
    context.drawImage(plot, left, top, width, height);
  }
  drawSwatches(context, charts);
  drawTexts(context, charts);
  canvas.toBlob((blob) => {
    if (blob) save(name, blob);
  }, 'image/png');
}

function backgroundOf(element: Element): string {
  const { backgroundColor } = getComputedStyle(element);
  const isClear = /^rgba\(.*, 0\)$|^transparent$/.test(backgroundColor);
  return isClear && element.parentElement ? backgroundOf(element.parentElement) : backgroundColor;
}

function drawSwatches(context: CanvasRenderingContext2D, charts: Element): void {
  for (const swatch of charts.querySelectorAll('[data-swatch]')) {
    const { left, top, width, height } = swatch.getBoundingClientRect();
    context.fillStyle = getComputedStyle(swatch).backgroundColor;
    context.fillRect(left, top, width, height);
  }
}

function drawTexts(context: CanvasRenderingContext2D, charts: Element): void {
  const walker = document.createTreeWalker(charts, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    const words = node.textContent?.trim() ?? '';
    if (words === '' || !parent || parent.closest('[role="slider"], .visually-hidden')) continue;
    range.selectNodeContents(node);
    const { left, top, width, height } = range.getBoundingClientRect();
    if (width === 0) continue;
    const style = getComputedStyle(parent);
    context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
    context.fillStyle = style.color;
    context.fillText(words, left, top + height / 2);
  }
}
