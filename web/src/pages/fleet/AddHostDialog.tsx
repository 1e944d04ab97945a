import { ActionIcon, CopyButton, Modal, Tooltip } from '@mantine/core';
import type { JSX } from 'react';

import { CopyIcon } from '../../components/icons';
import { text } from '../../text';
import styles from './AddHostDialog.module.css';

export interface AddHostDialogProps {
  readonly opened: boolean;
  readonly onClose: () => void;
}

/** Agents connect to this port whatever port the page came from. */
const AGENT_PORT = 9300;

export function AddHostDialog({ opened, onClose }: AddHostDialogProps): JSX.Element {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={text.fleet.addDialog.title}
      size="lg"
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      <JoinSteps />
    </Modal>
  );
}

/** The two commands that join a host. */
export function JoinSteps(): JSX.Element {
  const words = text.fleet.addDialog;
  const server = `${window.location.hostname}:${String(AGENT_PORT)}`;
  return (
    <div className={styles.steps}>
      <p>{words.onServer}</p>
      <Command>tacho-server token create join</Command>
      <p>{words.onHost}</p>
      <Command>{`tacho-agent join ${server} ${words.token}`}</Command>
      <Command>tacho-agent run</Command>
    </div>
  );
}

function Command({ children }: { readonly children: string }): JSX.Element {
  return (
    <div className={styles.command}>
      <code>{children}</code>
      <CopyButton value={children}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? text.common.copied : text.common.copy}>
            <ActionIcon
              variant="subtle"
              color={copied ? 'green' : 'gray'}
              aria-label={`${text.common.copy}: ${children}`}
              onClick={copy}
            >
              <CopyIcon />
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  );
}
