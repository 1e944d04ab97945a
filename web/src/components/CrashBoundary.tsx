import { Component, type ReactNode } from 'react';

import { text } from '../text';
import { Notice } from './Notice';

interface Props {
  readonly children: ReactNode;
}

/** A mistake in drawing the page shows itself instead of an empty window. */
export class CrashBoundary extends Component<Props, { readonly error: Error | null }> {
  override state: { readonly error: Error | null } = { error: null };

  static getDerivedStateFromError(error: unknown): { error: Error } {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    const { title, detail, reload } = text.errors.crashed;
    return (
      <Notice
        title={title}
        detail={`${detail} (${error.message})`}
        action={{ label: reload, run: () => window.location.reload() }}
      />
    );
  }
}
