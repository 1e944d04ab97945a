import { Modal } from '@mantine/core';
import type { JSX } from 'react';
import { useQuery, useQueryClient } from '@tanstack/react-query';

import { createToken } from '../../api/access';
import { type Session, sessionKey } from '../../api/session';
import { CopyLine } from '../../components/CopyLine';
import { PageLoading } from '../../components/Notice';
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
      {opened && <JoinSteps />}
    </Modal>
  );
}

const server = (): string => `${window.location.hostname}:${String(AGENT_PORT)}`;

/** The commands that join a host: with a fresh token for those who may make one. */
export function JoinSteps(): JSX.Element {
  const session = useQueryClient().getQueryData<Session | null>(sessionKey);
  return session?.role === 'admin' ? <FreshSteps /> : <PlainSteps />;
}

function FreshSteps(): JSX.Element {
  const words = text.fleet.addDialog;
  const token = useQuery({
    queryKey: ['join-token'],
    queryFn: () => createToken({ kind: 'join', note: words.title, uses: 1 }),
    // Each time it is shown it is another one.
    gcTime: 0,
    staleTime: Infinity,
    retry: false,
  });
  if (token.error) return <PlainSteps />;
  if (token.data === undefined) return <PageLoading />;
  return (
    <div className={styles.steps}>
      <p>{words.fresh}</p>
      <CopyLine>{`tacho-agent join ${server()} ${token.data}`}</CopyLine>
      <CopyLine>tacho-agent run</CopyLine>
    </div>
  );
}

function PlainSteps(): JSX.Element {
  const words = text.fleet.addDialog;
  return (
    <div className={styles.steps}>
      <p>{words.onServer}</p>
      <CopyLine>tacho-server token create join</CopyLine>
      <p>{words.onHost}</p>
      <CopyLine>{`tacho-agent join ${server()} ${words.token}`}</CopyLine>
      <CopyLine>tacho-agent run</CopyLine>
    </div>
  );
}
