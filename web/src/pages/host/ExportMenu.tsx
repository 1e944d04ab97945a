import { ActionIcon, Menu } from '@mantine/core';
import type { JSX, RefObject } from 'react';

import { serverNow } from '../../api/client';
import { LateMenu } from '../../components/Late';
import { ExportIcon } from '../../components/icons';
import type { Span } from '../../lib/range';
import { formatRange } from '../../lib/time';
import { text } from '../../text';
import { isolate } from './isolate';
import { type Track, trackWords } from './trackParts';
import type { HostSeries } from './useHostSeries';

export interface ExportMenuProps {
  /** What the charts are of. */
  readonly name: string;
  readonly span: Span;
  /** What is drawn when it is saved. */
  readonly shown: RefObject<ShownCharts>;
}

/** What there is to save. */
export interface ShownCharts {
  readonly series: HostSeries;
  readonly folded: readonly string[];
  readonly only: readonly string[];
  /** Of sections that are unfolded. */
  readonly sections?: () => readonly Track[];
}

const tracksOf = ({ series, sections }: ShownCharts): readonly Track[] => [
  ...series.tracks,
  ...(sections?.() ?? []),
];

/** The charts as a file. */
export function ExportMenu({ name, span, shown }: ExportMenuProps): JSX.Element {
  const words = text.host.charts;
  const title = `${name} · ${formatRange(span.fromMs, span.toMs, serverNow())}`;
  // What saves them comes when somebody does.
  const picture = async (): Promise<void> => {
    const { fileName, savePicture } = await import('./export/exportCharts');
    savePicture(fileName(name, span, 'png'), title);
  };
  const drawing = async (): Promise<void> => {
    const [{ fileName, saveText }, { buildSvg }] = await Promise.all([
      import('./export/exportCharts'),
      import('./export/svg'),
    ]);
    const { series, folded, only } = shown.current;
    const { grid, gaps, overlay, ghosts } = series;
    const open = tracksOf(shown.current).filter(({ id }) => !folded.includes(id));
    const svg = buildSvg({
      title,
      span,
      gaps,
      timeMs: grid.timeMs,
      bucketMs: grid.bucketMs,
      tracks: open.map((track) => ({
        title: trackWords(track.id).full,
        track: isolate(track, only, grid, gaps),
        more: [...(ghosts[track.id] ?? []), ...(overlay[track.id] ?? [])],
      })),
    });
    saveText(fileName(name, span, 'svg'), svg, 'image/svg+xml');
  };
  const numbers = async (): Promise<void> => {
    const { fileName, saveText, seriesCsv } = await import('./export/exportCharts');
    const { grid } = shown.current.series;
    saveText(fileName(name, span, 'csv'), seriesCsv(grid, tracksOf(shown.current)), 'text/csv');
  };
  return (
    <LateMenu
      position="bottom-end"
      target={
        <ActionIcon data-hint={words.export} size={30} variant="default" aria-label={words.export}>
          <ExportIcon />
        </ActionIcon>
      }
    >
      {() => (
        <Menu.Dropdown>
          <Menu.Item onClick={() => void picture()}>{words.exportPng}</Menu.Item>
          <Menu.Item onClick={() => void drawing()}>{words.exportSvg}</Menu.Item>
          <Menu.Item onClick={() => void numbers()}>{words.exportCsv}</Menu.Item>
        </Menu.Dropdown>
      )}
    </LateMenu>
  );
}
