import { ActionIcon, Badge } from '@mantine/core';
import { type JSX, useEffect } from 'react';
import { useQuery, useQueryClient } from '@tanstack/react-query';

import type { Route } from '../state/router';
import { alertCountKey, alertsKey, fetchAlertCount, followAlerts } from '../api/alerts';
import type { Session } from '../api/session';
import { useLiveState } from '../state/live';
import { text } from '../text';
import { AccountMenu } from './AccountMenu';
import styles from './Header.module.css';
import { Link } from './Link';
import { BellIcon, HelpIcon, Logo, MoonIcon, SearchIcon, SunIcon } from './icons';
import { PALETTE_KEY } from './usePaletteKey';

const ALERTS_REFETCH_MS = 30_000;

export interface HeaderProps {
  readonly session: Session;
  readonly route: Route;
  readonly scheme: 'light' | 'dark';
  readonly onScheme: () => void;
  readonly onHelp: () => void;
  readonly onPalette: () => void;
}

/** Pages that are reached from the fleet. */
const ofFleet: ReadonlySet<Route['page']> = new Set(['fleet', 'host', 'process']);

export function Header({ session, route, scheme, onScheme, onHelp, onPalette }: HeaderProps): JSX.Element {
  const themeLabel = scheme === 'dark' ? text.header.theme.light : text.header.theme.dark;
  return (
    <header className={styles.header}>
      <Link to="/" className={styles.brand}>
        <Logo />
        <span>{text.product}</span>
      </Link>
      <nav className={styles.crumbs} aria-label={text.header.nav}>
        <Link to="/" className={styles.crumb} current={ofFleet.has(route.page)}>
          {text.header.fleet}
        </Link>
        <AlertBell current={route.page === 'alerts'} />
        <Link to="/events" className={styles.crumb} current={route.page === 'events'}>
          {text.events.title}
        </Link>
        <Link to="/receivers" className={styles.crumb} current={route.page === 'receivers'}>
          {text.receivers.title}
        </Link>
        <Link to="/storage" className={styles.crumb} current={route.page === 'storage'}>
          {text.header.storage}
        </Link>
        <Link to="/sql" className={styles.crumb} current={route.page === 'sql'}>
          {text.sql.title}
        </Link>
        {session.role === 'admin' && (
          <Link to="/access" className={styles.crumb} current={route.page === 'access'}>
            {text.header.access}
          </Link>
        )}
      </nav>
      <div className={styles.spring} />
      {/* First, so that nothing moves when its word changes. */}
      <LiveBadge />
      <button
        type="button"
        className={styles.palette}
        onClick={onPalette}
        title={text.palette.label}
        aria-label={`${text.header.find} ${PALETTE_KEY}: ${text.palette.label}`}
      >
        <SearchIcon />
        <span className={styles.paletteHint}>{text.header.find}</span> <kbd>{PALETTE_KEY}</kbd>
      </button>
      <ActionIcon
        data-hint={`${text.header.help} (?)`}
        variant="subtle"
        color="gray"
        aria-label={text.header.help}
        onClick={onHelp}
      >
        <HelpIcon />
      </ActionIcon>
      <ActionIcon
        data-hint={`${themeLabel} (D)`}
        variant="subtle"
        color="gray"
        aria-label={themeLabel}
        onClick={onScheme}
      >
        {scheme === 'dark' ? <SunIcon /> : <MoonIcon />}
      </ActionIcon>
      <AccountMenu session={session} />
    </header>
  );
}

/** How many alerts fire, told by the server as they do. */
function AlertBell({ current }: { readonly current: boolean }): JSX.Element {
  const client = useQueryClient();
  const count = useQuery({
    queryKey: alertCountKey,
    queryFn: ({ signal }) => fetchAlertCount(signal),
    refetchInterval: ALERTS_REFETCH_MS,
  });
  useEffect(() => followAlerts(() => void client.invalidateQueries({ queryKey: alertsKey })), [client]);
  const firing = count.data?.firing ?? 0;
  return (
    <Link to="/alerts" className={styles.crumb} current={current} title={text.header.alerts(firing)}>
      <BellIcon /> {text.alerts.title}{' '}
      {firing > 0 && (
        <Badge color="red" size="sm">
          {firing}
        </Badge>
      )}
    </Link>
  );
}

function LiveBadge(): JSX.Element {
  const state = useLiveState();
  const label = { open: text.header.live, connecting: text.header.connecting, lost: text.header.lost }[state];
  const hint = state === 'lost' ? text.header.lostHint : text.header.liveHint;
  return (
    <span data-hint={hint} className={styles.live} data-state={state} role="status">
      {label}
    </span>
  );
}
