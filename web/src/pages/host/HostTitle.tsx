import { Button } from '@mantine/core';
import { type JSX, memo } from 'react';

import { serverNow } from '../../api/client';
import type { Facts, Host } from '../../api/hosts';
import { parseTime } from '../../api/wire';
import { HostTags } from '../../components/HostTags';
import { InfoIcon } from '../../components/icons';
import { LatePopover } from '../../components/Late';
import { formatBytes, formatDuration } from '../../lib/format';
import { formatDateTime } from '../../lib/time';
import { text } from '../../text';
import styles from './HostTitle.module.css';

export interface HostTitleProps {
  readonly name: string;
  readonly host: Host | null;
  readonly uptimeSeconds: number | null;
  /** A snapshot arrived after the inventory was asked. */
  readonly heardMs: number | null;
}

/** Which host this is, in one line; all there is to know of it in a panel. */
export const HostTitle = memo(function HostTitle(props: HostTitleProps): JSX.Element {
  const { name, host, uptimeSeconds, heardMs } = props;
  const words = text.host.facts;
  const state = host && heardMs !== null && heardMs > (host.lastSeenMs ?? 0) ? 'up' : (host?.state ?? null);
  const facts = host?.facts;
  const parts: string[] = [];
  if (facts) {
    parts.push(facts.os);
    if (facts.cpu_cores) parts.push(words.cores(facts.cpu_cores));
    if (facts.memory_bytes) parts.push(formatBytes(facts.memory_bytes));
  }
  if (state === 'up' && uptimeSeconds !== null) parts.push(words.up(formatDuration(uptimeSeconds)));
  if (state !== null && state !== 'up' && host?.lastSeenMs != null) {
    parts.push(words.downSince(formatDuration((serverNow() - host.lastSeenMs) / 1000)));
  }
  return (
    <div className={styles.title}>
      <h1 className={styles.name}>
        <span className={styles.dot} data-state={state ?? 'unknown'} aria-hidden="true" />
        {name}
      </h1>
      {state && (
        <span className={styles.state} data-state={state}>
          {text.state[state]}
        </span>
      )}
      <span className={styles.parts}>{parts.filter((part) => part !== '').join(' · ')}</span>
      {host && <HostTags host={host} />}
      {host && facts && <Details host={host} facts={facts} />}
    </div>
  );
});

/** How the agent's collectors say that there is nothing to read. */
const NOT_HERE = /: (not on this kernel|no .* here|none here)$/;

function Reasons({
  intro,
  reasons,
}: {
  readonly intro: string;
  readonly reasons: readonly string[];
}): JSX.Element | null {
  if (reasons.length === 0) return null;
  return (
    <div className={styles.limits}>
      <p>{intro}</p>
      <ul>
        {reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
    </div>
  );
}

/** An offset below a second is the way of a message as much as the clock's. */
function clockLine(offsetMs: number | null): string {
  if (offsetMs === null || Math.abs(offsetMs) < 1000) return '';
  const words = text.host.facts;
  const offset = formatDuration(Math.abs(offsetMs) / 1000);
  return offsetMs > 0 ? words.clockAhead(offset) : words.clockBehind(offset);
}

function Details({ host, facts }: { readonly host: Host; readonly facts: Facts }): JSX.Element {
  const words = text.host.facts;
  const missing = facts.collectors.flatMap(({ name, absent, error }) =>
    (error === '' ? absent : [...absent, error]).map((reason) => `${name}: ${reason}`),
  );
  // What the machine does not have limits nobody; what the agent may not or can not read does.
  const limits = missing.filter((reason) => !NOT_HERE.test(reason));
  const notHere = missing.filter((reason) => NOT_HERE.test(reason));
  const boot = parseTime(facts.boot_time);
  const rows: readonly (readonly [string, string])[] = [
    [words.rows.os, facts.os],
    [words.rows.kernel, `${facts.kernel} ${facts.architecture}`],
    [words.rows.cpu, facts.cpu_model],
    [words.rows.memory, formatBytes(facts.memory_bytes)],
    [words.rows.virtualization, facts.virtualization],
    [words.rows.addresses, facts.addresses.join(', ')],
    [words.rows.boot, boot ? formatDateTime(boot) : ''],
    [words.rows.clock, clockLine(host.clockOffsetMs)],
    [words.rows.backlog, host.bufferedFrames > 0 ? words.buffered(host.bufferedFrames) : ''],
    [words.rows.agent, words.agentLine(host.agentVersion ?? '', facts.agent_user)],
    [words.rows.processes, words.samplingLine(facts.sampler, facts.network, facts.exits)],
  ];
  return (
    <LatePopover
      position="bottom-start"
      shadow="md"
      width={440}
      withArrow
      target={
        <Button size="compact-xs" variant="subtle" color="gray" leftSection={<InfoIcon />}>
          {limits.length === 0 ? words.details : `${words.details} · ${words.limits(limits.length)}`}
        </Button>
      }
    >
      {() => (
        <>
          <dl className={styles.facts}>
            {rows
              .filter(([, value]) => value.trim() !== '')
              .map(([label, value]) => (
                <div key={label}>
                  <dt>{label}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
          </dl>
          <Reasons intro={words.absentIntro} reasons={limits} />
          <Reasons intro={words.notHereIntro} reasons={notHere} />
        </>
      )}
    </LatePopover>
  );
}
