import { Button, Loader } from '@mantine/core';
import type { JSX, ReactNode } from 'react';

import { ApiError } from '../api/client';
import { text } from '../text';
import styles from './Notice.module.css';
import { Logo } from './icons';

export interface NoticeProps {
  readonly title: string;
  readonly detail?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
  readonly busy?: boolean;
  /** It lies over something else. */
  readonly card?: boolean;
  readonly children?: ReactNode;
}

/** What stands where data would: nothing there, not found, failed. */
export function Notice({
  title,
  detail,
  action,
  busy = false,
  card = false,
  children,
}: NoticeProps): JSX.Element {
  return (
    <div className={card ? `${styles.notice} ${styles.card}` : styles.notice} role="status">
      <div className={styles.mark}>{busy ? <Loader size="sm" color="gray" /> : <Logo size={30} />}</div>
      <p className={styles.title}>{title}</p>
      {detail !== undefined && <p className={styles.detail}>{detail}</p>}
      {children}
      {action && (
        <Button size="xs" variant="default" onClick={action.run}>
          {action.label}
        </Button>
      )}
    </div>
  );
}

export interface ErrorNoticeProps {
  readonly error: Error;
  readonly onRetry?: () => void;
}

export function ErrorNotice({ error, onRetry }: ErrorNoticeProps): JSX.Element {
  const offline = error instanceof ApiError && error.kind === 'offline';
  const words = offline ? text.errors.offline : text.errors.failed(error.message);
  return <Notice {...words} {...(onRetry ? { action: { label: text.common.retry, run: onRetry } } : {})} />;
}

export function PageLoading(): JSX.Element {
  return (
    <div className={styles.loading} role="status" aria-label={text.common.loading}>
      <Loader size="sm" color="gray" />
    </div>
  );
}
