import { ActionIcon, Menu } from '@mantine/core';
import type { JSX, RefObject } from 'react';

import { serverNow } from '../../api/client';
import { ExportIcon } from '../../components/icons';
import type { Span } from '../../lib/range';
import { formatRange } from '../../lib/time';
import { text } from '../../text';
import { fileName, savePicture, saveText, seriesCsv } from './exportCharts';
import type { HostSeries } from './useHostSeries';

export interface ExportMenuProps {
  /** What the charts are of. */
  readonly name: string;
  readonly span: Span;
  /** What is drawn when it is saved. */
  readonly series: RefObject<HostSeries>;
}

/** The charts as a file. */
export function ExportMenu({ name, span, series }: ExportMenuProps): JSX.Element {
  const words = text.host.charts;
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon data-hint={words.export} size={30} variant="default" aria-label={words.export}>
          <ExportIcon />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          onClick={() =>
            savePicture(
              fileName(name, span, 'png'),
              `${name} · ${formatRange(span.fromMs, span.toMs, serverNow())}`,
            )
          }
        >
          {words.exportPng}
        </Menu.Item>
        <Menu.Item onClick={() => saveText(fileName(name, span, 'csv'), seriesCsv(series.current))}>
          {words.exportCsv}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
