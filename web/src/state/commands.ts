/** What the palette offers: each part of the page adds what it can do while it is shown. */
import { useEffect, useRef } from 'react';

export type CommandGroup = 'page' | 'host' | 'process' | 'time' | 'action' | 'zone';

export interface Command {
  readonly id: string;
  readonly group: CommandGroup;
  readonly title: string;
  /** What else it is found by. */
  readonly words?: string;
  readonly detail?: string;
  /** The key that does the same. */
  readonly keys?: string;
  /** Only when somebody types: there are many of them. */
  readonly onlyFound?: boolean;
  readonly run: () => void;
}

type Provider = () => readonly Command[];

const providers = new Set<{ readonly current: Provider }>();

/** Adds commands while the component is there. They are asked for when the palette opens, not before. */
export function useCommands(provider: Provider): void {
  const current = useRef(provider);
  useEffect(() => {
    current.current = provider;
  }, [provider]);
  useEffect(() => {
    providers.add(current);
    return () => {
      providers.delete(current);
    };
  }, []);
}

export function allCommands(): readonly Command[] {
  return [...providers].flatMap((provider) => provider.current());
}
