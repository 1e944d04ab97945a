import type { JSX } from 'react';
import { useQuery } from '@tanstack/react-query';

import { type Host, fetchHosts, hostsKey } from '../../api/hosts';
import { type Sample, fetchMetrics, metricsKey } from '../../api/metrics';
import { Loaded } from '../../components/Loaded';
import { PlainTable, Section, SectionPage } from '../../components/Section';
import { useMayChange } from '../../state/session';
import { text } from '../../text';
import { AuditSection } from './AuditSection';
import styles from './AboutPage.module.css';
import { type AboutRow, buildAboutRows, buildVersions, slowestRoutes } from './aboutRows';

const REFETCH_MS = 5000;

/** What runs here: versions, and what the server tells of itself. */
export function AboutPage(): JSX.Element {
  const metrics = useQuery({
    queryKey: metricsKey,
    queryFn: ({ signal }) => fetchMetrics(signal),
    refetchInterval: REFETCH_MS,
  });
  const hosts = useQuery({ queryKey: hostsKey, queryFn: ({ signal }) => fetchHosts(signal) });
  const mayRead = useMayChange();
  const words = text.about;
  return (
    <SectionPage title={words.title}>
      <Loaded of={metrics}>{(samples) => <Running samples={samples} hosts={hosts.data ?? []} />}</Loaded>
      {mayRead && <AuditSection />}
    </SectionPage>
  );
}

interface RunningProps {
  readonly samples: readonly Sample[];
  readonly hosts: readonly Host[];
}

function Running({ samples, hosts }: RunningProps): JSX.Element {
  const words = text.about;
  return (
    <>
      <Section title={words.versions.title}>
        <Pairs label={words.versions.title} rows={buildVersions(samples, hosts)} />
      </Section>
      <div className={styles.sections}>
        {buildAboutRows(samples).map(({ title, rows }) => (
          <Section key={title} title={title}>
            <Pairs label={title} rows={rows} />
          </Section>
        ))}
      </div>
      <Section title={words.routes.title} intro={words.routes.intro}>
        <PlainTable
          label={words.routes.title}
          rows={slowestRoutes(samples, 10)}
          keyOf={({ route, method }) => `${method} ${route}`}
          columns={[
            { label: words.routes.route, cell: ({ method, route }) => `${method} ${route}` },
            { label: words.routes.requests, numeric: true, cell: ({ requests }) => requests },
            { label: words.routes.mean, numeric: true, cell: ({ mean }) => mean },
            { label: words.routes.failed, numeric: true, cell: ({ failed }) => failed },
          ]}
        />
      </Section>
    </>
  );
}

function Pairs({ label, rows }: { readonly label: string; readonly rows: readonly AboutRow[] }): JSX.Element {
  return (
    <PlainTable
      label={label}
      rows={rows}
      keyOf={(row) => row.label}
      columns={[
        { label: text.about.what, cell: (row) => row.label },
        { label: text.about.value, numeric: true, cell: (row) => row.value },
      ]}
    />
  );
}
