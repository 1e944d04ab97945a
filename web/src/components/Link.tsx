import type { JSX, MouseEvent, ReactNode } from 'react';

import { navigate } from '../state/router';

export interface LinkProps {
  readonly to: string;
  readonly className?: string | undefined;
  readonly children: ReactNode;
  readonly title?: string;
  readonly hint?: string;
  /** Id of what says more about it. */
  readonly describedBy?: string;
  readonly current?: boolean;
}

/** A link within the page; the browser still opens it in a new tab when asked to. */
export function Link({
  to,
  className,
  children,
  title,
  hint,
  describedBy,
  current = false,
}: LinkProps): JSX.Element {
  const onClick = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a
      href={to}
      className={className}
      title={title}
      data-hint={hint}
      aria-describedby={describedBy}
      aria-current={current ? 'page' : undefined}
      onClick={onClick}
    >
      {children}
    </a>
  );
}
