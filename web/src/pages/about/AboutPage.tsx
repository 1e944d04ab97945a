import type { JSX } from 'react';
import { useQuery } from '@tanstack/react-query';

import { fetchHosts, hostsKey } from '../../api/hosts';
import { fetchMetrics, metricsKey } from '../../api/metrics';
import { ErrorNotice, PageLoading } from '../../components/Notice';
import { PlainTable, Section, SectionPage } from '../../components/Section';
import { text } from '../../text';
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
  const words = text.about;
  if (!metrics.data) {
    return metrics.error ? (
      <ErrorNotice error={metrics.error} onRetry={() => void metrics.refetch()} />
    ) : (
      <PageLoading />
    );
  }
  const versions = buildVersions(metrics.data, hosts.data ?? []);
  const routes = slowestRoutes(metrics.data, 10);
  return (
    <SectionPage title={words.title}>
      <Section title={words.versions.title}>
        <Pairs label={words.versions.title} rows={versions} />
      </Section>
      <div className={styles.sections}>
        {buildAboutRows(metrics.data).map(({ title, rows }) => (
          <Section key={title} title={title}>
            <Pairs label={title} rows={rows} />
          </Section>
        ))}
      </div>
      <Section title={words.routes.title} intro={words.routes.intro}>
        <PlainTable
          label={words.routes.title}
          rows={routes}
          keyOf={({ route, method }) => `${method} ${route}`}
          columns={[
            { label: words.routes.route, cell: ({ method, route }) => `${method} ${route}` },
            { label: words.routes.requests, numeric: true, cell: ({ requests }) => requests },
            { label: words.routes.mean, numeric: true, cell: ({ mean }) => mean },
            { label: words.routes.failed, numeric: true, cell: ({ failed }) => failed },
          ]}
        />
      </Section>
    </SectionPage>
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
