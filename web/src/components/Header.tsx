import { ActionIcon, Menu, Tooltip } from '@mantine/core';
import type { JSX } from 'react';
import { useQueryClient } from '@tanstack/react-query';

import type { Route } from '../state/router';
import type { ColorScheme } from '../palette';
import { type Session, sessionKey, signOut } from '../api/session';
import { useLiveState } from '../state/live';
import { text } from '../text';
import styles from './Header.module.css';
import { Link } from './Link';
import { HelpIcon, Logo, MoonIcon, SunIcon, UserIcon } from './icons';

export interface HeaderProps {
  readonly session: Session;
  readonly route: Route;
  readonly scheme: ColorScheme;
  readonly onScheme: () => void;
  readonly onHelp: () => void;
}

export function Header({ session, route, scheme, onScheme, onHelp }: HeaderProps): JSX.Element {
  const themeLabel = scheme === 'dark' ? text.header.theme.light : text.header.theme.dark;
  return (
    <header className={styles.header}>
      <Link to="/" className={styles.brand}>
        <Logo />
        <span>{text.product}</span>
      </Link>
      <nav className={styles.crumbs} aria-label={text.header.nav}>
        <Link to="/" className={styles.crumb} current={route.page === 'fleet' || route.page === 'host'}>
          {text.header.fleet}
        </Link>
        <Link to="/storage" className={styles.crumb} current={route.page === 'storage'}>
          {text.header.storage}
        </Link>
      </nav>
      <div className={styles.spring} />
      <LiveBadge />
      <Tooltip label={`${text.header.help} (?)`}>
        <ActionIcon variant="subtle" color="gray" aria-label={text.header.help} onClick={onHelp}>
          <HelpIcon />
        </ActionIcon>
      </Tooltip>
      <Tooltip label={`${themeLabel} (D)`}>
        <ActionIcon variant="subtle" color="gray" aria-label={themeLabel} onClick={onScheme}>
          {scheme === 'dark' ? <SunIcon /> : <MoonIcon />}
        </ActionIcon>
      </Tooltip>
      <AccountMenu session={session} />
    </header>
  );
}

function LiveBadge(): JSX.Element {
  const state = useLiveState();
  const label = { open: text.header.live, connecting: text.header.connecting, lost: text.header.lost }[state];
  const hint = state === 'lost' ? text.header.lostHint : text.header.liveHint;
  return (
    <Tooltip label={hint} multiline maw={280}>
      <span className={styles.live} data-state={state} role="status">
        {label}
      </span>
    </Tooltip>
  );
}

function AccountMenu({ session }: { readonly session: Session }): JSX.Element {
  const client = useQueryClient();
  const leave = async (): Promise<void> => {
    await signOut().catch(() => undefined);
    client.clear();
    client.setQueryData(sessionKey, null);
    window.location.assign('/');
  };
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={text.header.account(session.user)}>
          <UserIcon />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {text.header.account(session.user)} · {session.role}
        </Menu.Label>
        <Menu.Item onClick={() => void leave()}>{text.header.signOut}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
