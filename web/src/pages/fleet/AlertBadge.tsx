import { type JSX, useId } from 'react';

import type { Host, WorstAlert } from '../../api/hosts';
import { Link } from '../../components/Link';
import { momentLink } from '../../state/momentLink';
import { text } from '../../text';
import styles from './AlertBadge.module.css';

/** The worst alert of a host: it leads to the host at that moment, with the culprit selected. */
export function AlertBadge({ host: { name, alert } }: { readonly host: Host }): JSX.Element | null {
  const id = useId();
  if (!alert) return null;
  const said = describe(alert);
  return (
    <>
      <Link
        to={momentLink(name, alert.firedMs, alert.process)}
        className={styles.link}
        hint={said}
        describedBy={id}
      >
        <span
          className={styles.badge}
          data-severity={alert.severity}
          data-quiet={alert.muted !== null || alert.acknowledged || undefined}
        >
          {text.alerts.severities[alert.severity]}
          {alert.firing > 1 && <span>+{alert.firing - 1}</span>}
        </span>
      </Link>
      <span id={id} className="visually-hidden">
        {said}
      </span>
    </>
  );
}

/** What happened, what else, and why nobody is told. */
export function describe(alert: WorstAlert): string {
  const words = text.alerts;
  const notes = [
    alert.muted === null ? null : (words.mutes[alert.muted] ?? alert.muted),
    alert.acknowledged ? text.fleet.acknowledged : null,
    alert.firing > 1 ? text.fleet.moreAlerts(alert.firing - 1) : null,
  ].filter((note) => note !== null);
  return [alert.text, ...notes].join(' · ');
}
