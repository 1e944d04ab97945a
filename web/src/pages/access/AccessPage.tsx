import type { JSX } from 'react';

import type { Session } from '../../api/session';
import { Notice } from '../../components/Notice';
import { SectionPage } from '../../components/Section';
import { text } from '../../text';
import { AgentsSection } from './AgentsSection';
import { TokensSection } from './TokensSection';
import { UsersSection } from './UsersSection';

/** Who and what may reach the server. */
export function AccessPage({ session }: { readonly session: Session }): JSX.Element {
  if (session.role !== 'admin') {
    return <Notice title={text.access.forbidden.title} detail={text.access.forbidden.detail} />;
  }
  return (
    <SectionPage title={text.access.title}>
      <UsersSection own={session.user} />
      <TokensSection />
      <AgentsSection />
    </SectionPage>
  );
}
