import { ActionIcon, CopyButton } from '@mantine/core';
import type { JSX } from 'react';

import { text } from '../text';
import styles from './CopyLine.module.css';
import { CopyIcon } from './icons';

/** A line that is meant to be copied: a command, a token. */
export function CopyLine({ children }: { readonly children: string }): JSX.Element {
  return (
    <div className={styles.command}>
      <code>{children}</code>
      <CopyButton value={children}>
        {({ copied, copy }) => (
          <ActionIcon
            data-hint={copied ? text.common.copied : text.common.copy}
            variant="subtle"
            color={copied ? 'green' : 'gray'}
            aria-label={`${text.common.copy}: ${children}`}
            onClick={copy}
          >
            <CopyIcon />
          </ActionIcon>
        )}
      </CopyButton>
    </div>
  );
}
