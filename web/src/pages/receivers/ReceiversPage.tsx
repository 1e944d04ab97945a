import { Alert } from '@mantine/core';
import type { JSX } from 'react';
import { useQuery } from '@tanstack/react-query';

import { fetchReceivers, receiversKey } from '../../api/receivers';
import { Loaded } from '../../components/Loaded';
import { Section, SectionPage } from '../../components/Section';
import { useMayChange } from '../../state/session';
import { text } from '../../text';
import { ReceiversTable } from './ReceiversTable';
import { RouteSection } from './RouteSection';

const REFETCH_MS = 5000;

/** Who is told of alerts, and how telling them goes. */
export function ReceiversPage(): JSX.Element {
  const words = text.receivers;
  const mayTest = useMayChange();
  const found = useQuery({
    queryKey: receiversKey,
    queryFn: ({ signal }) => fetchReceivers(signal),
    refetchInterval: REFETCH_MS,
  });
  return (
    <SectionPage title={words.title}>
      <Loaded of={found}>
        {({ receivers, tells }) => (
          <>
            <Section title={words.list} intro={words.intro}>
              {!tells && (
                <Alert color="blue" variant="light" p="xs" mb="xs">
                  {words.elsewhere}
                </Alert>
              )}
              {receivers.length === 0 ? (
                <p>{words.none}</p>
              ) : (
                <ReceiversTable receivers={receivers} mayTest={mayTest} />
              )}
            </Section>
            <RouteSection />
          </>
        )}
      </Loaded>
    </SectionPage>
  );
}
