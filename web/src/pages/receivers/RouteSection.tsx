import { NativeSelect, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { type JSX, useState } from 'react';
import { useQuery } from '@tanstack/react-query';

import { fetchHosts, hostsKey } from '../../api/hosts';
import { type Route, fetchRoute, routeKey } from '../../api/receivers';
import { fetchRules, rulesKey } from '../../api/rules';
import { Failure } from '../../components/Failure';
import { PlainTable, Section } from '../../components/Section';
import { text } from '../../text';
import { verdictText } from './receiverText';
import styles from './ReceiversPage.module.css';

const ASK_AFTER_MS = 200;
/** More names in a list of suggestions help nobody. */
const MOST_HOSTS = 200;
const SUGGESTIONS = 'route-hosts';

/** Whom a rule would tell of a host. */
export function RouteSection(): JSX.Element {
  const words = text.receivers.route;
  const rules = useQuery({ queryKey: rulesKey, queryFn: ({ signal }) => fetchRules(signal) });
  const hosts = useQuery({ queryKey: hostsKey, queryFn: ({ signal }) => fetchHosts(signal) });
  const names = (rules.data ?? []).filter(({ enabled }) => enabled).map(({ name }) => name);
  const known = (hosts.data ?? []).map(({ name }) => name);
  const [chosenRule, setRule] = useState<string | null>(null);
  const [typedHost, setHost] = useState<string | null>(null);
  const rule = chosenRule ?? names[0] ?? '';
  const [host] = useDebouncedValue(typedHost ?? known[0] ?? '', ASK_AFTER_MS);
  const query = { rule, host };
  const found = useQuery({
    queryKey: routeKey(query),
    queryFn: ({ signal }) => fetchRoute(query, signal),
    enabled: rule !== '' && host !== '',
  });
  return (
    <Section title={words.title} intro={words.intro}>
      <div className={styles.question}>
        <NativeSelect
          size="xs"
          label={words.rule}
          value={rule}
          data={names}
          onChange={(event) => setRule(event.currentTarget.value)}
        />
        <TextInput
          size="xs"
          label={words.host}
          value={typedHost ?? known[0] ?? ''}
          list={SUGGESTIONS}
          onChange={(event) => setHost(event.currentTarget.value)}
        />
        <datalist id={SUGGESTIONS}>
          {known.slice(0, MOST_HOSTS).map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </div>
      <Failure error={found.error} />
      {found.data && <Verdict route={found.data} />}
    </Section>
  );
}

function Verdict({ route }: { readonly route: Route }): JSX.Element {
  const words = text.receivers.route;
  const { severity, about_host: isAbout, muted } = route;
  const notes = [
    words.ofSeverity(text.alerts.severities[severity]),
    isAbout ? null : words.notAbout,
    muted === null ? null : words.muted(text.alerts.mutes[muted] ?? muted),
  ];
  return (
    <>
      <p className={styles.verdict}>{notes.filter((note) => note !== null).join(' ')}</p>
      <PlainTable
        label={words.title}
        rows={route.receivers}
        keyOf={({ name }) => name}
        isFaint={({ told }) => !told}
        columns={[
          { label: text.receivers.name, cell: ({ name }) => name },
          { label: words.verdict, wraps: true, cell: verdictText },
        ]}
      />
    </>
  );
}
