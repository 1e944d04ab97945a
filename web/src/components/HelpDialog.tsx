import { Kbd, Modal } from '@mantine/core';
import type { JSX } from 'react';

import { text } from '../text';
import styles from './HelpDialog.module.css';
import { PALETTE_KEY } from './usePaletteKey';

export interface HelpDialogProps {
  readonly opened: boolean;
  readonly onClose: () => void;
}

export function HelpDialog({ opened, onClose }: HelpDialogProps): JSX.Element {
  const { title, mouse, keys, time, filter, mouseRows, keyRows, timeRows, filterRows, paletteRow } =
    text.help;
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={title}
      size="xl"
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      <div className={styles.columns}>
        <HelpTable heading={time} rows={timeRows} />
        <HelpTable heading={mouse} rows={mouseRows} />
        <HelpTable heading={keys} rows={[[PALETTE_KEY, paletteRow], ...keyRows]} />
        <HelpTable heading={filter} rows={filterRows} />
      </div>
    </Modal>
  );
}

function HelpTable(props: {
  readonly heading: string;
  readonly rows: readonly (readonly string[])[];
}): JSX.Element {
  return (
    <section>
      <h3 className={styles.heading}>{props.heading}</h3>
      <dl className={styles.list}>
        {props.rows.map(([keys = '', meaning = '']) => (
          <div key={keys} className={styles.row}>
            <dt>
              <Kbd size="xs">{keys}</Kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
