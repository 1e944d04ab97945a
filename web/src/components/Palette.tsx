import { Kbd, Modal } from '@mantine/core';
import { type JSX, type KeyboardEvent, useEffect, useMemo, useState } from 'react';
import { useQuery } from '@tanstack/react-query';

import { fetchHosts, hostsKey } from '../api/hosts';
import { type Command, allCommands } from '../state/commands';
import { hostPath, navigate } from '../state/router';
import { text } from '../text';
import styles from './Palette.module.css';
import { buildPalette } from './paletteItems';

export interface PaletteProps {
  readonly opened: boolean;
  readonly onClose: () => void;
}

/** One field that finds any page, host, process and action. */
export function Palette({ opened, onClose }: PaletteProps): JSX.Element {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      withCloseButton={false}
      size={560}
      yOffset="12vh"
      padding={0}
      title={text.palette.label}
      classNames={{ header: 'visually-hidden' }}
    >
      {opened && <Finder onClose={onClose} />}
    </Modal>
  );
}

const LIST = 'palette-list';
const optionId = (index: number): string => `palette-${String(index)}`;

function Finder({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const [typed, setTyped] = useState('');
  const [chosen, setChosen] = useState(0);
  const hosts = useQuery({
    queryKey: hostsKey,
    queryFn: ({ signal }) => fetchHosts(signal),
    staleTime: 10_000,
  });
  const [others] = useState(allCommands);
  const commands = useMemo(() => {
    const ofHosts = (hosts.data ?? []).map(({ id, name, state, facts, tags }): Command => ({
      id: `host:${id}`,
      group: 'host',
      title: name,
      words: [...tags, ...(facts?.addresses ?? [])].join(' '),
      detail: [state === 'up' ? (facts?.os ?? '') : text.state[state], ...tags].join(' · '),
      run: () => navigate(hostPath(name)),
    }));
    return [...others, ...ofHosts];
  }, [hosts.data, others]);
  const groups = useMemo(() => buildPalette(commands, typed), [commands, typed]);
  const flat = useMemo(() => groups.flatMap((group) => group.commands), [groups]);
  const active = Math.min(chosen, flat.length - 1);
  useEffect(() => {
    document.querySelector(`#${optionId(active)}`)?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  const run = (command: Command | undefined): void => {
    if (!command) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setChosen((active + step + flat.length) % Math.max(1, flat.length));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      run(flat[active]);
    }
  };
  return (
    <div>
      <input
        className={styles.input}
        role="combobox"
        aria-label={text.palette.label}
        aria-expanded="true"
        aria-controls={LIST}
        aria-activedescendant={flat.length > 0 ? optionId(active) : undefined}
        placeholder={text.palette.hint}
        value={typed}
        spellCheck={false}
        autoComplete="off"
        data-autofocus
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div className={styles.list} id={LIST} role="listbox" aria-label={text.palette.label}>
        {groups.map(({ group, commands: ofGroup }) => (
          <div key={group} role="group" aria-label={text.palette.groups[group]}>
            <p className={styles.group} aria-hidden="true">
              {text.palette.groups[group]}
            </p>
            {ofGroup.map((command) => {
              const own = flat.indexOf(command);
              return (
                // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the field has the keys
                <div
                  key={command.id}
                  id={optionId(own)}
                  className={styles.option}
                  role="option"
                  tabIndex={-1}
                  aria-selected={own === active}
                  onMouseMove={() => setChosen(own)}
                  onClick={() => run(command)}
                >
                  <span className={styles.title}>{command.title}</span>
                  <span className={styles.detail}>{command.detail}</span>
                  {command.keys !== undefined && <Kbd size="xs">{command.keys}</Kbd>}
                </div>
              );
            })}
          </div>
        ))}
        {flat.length === 0 && <p className={styles.none}>{text.palette.none}</p>}
      </div>
    </div>
  );
}
