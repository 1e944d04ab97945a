import { Button, Popover, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';
import { useMutation, useQueryClient } from '@tanstack/react-query';

import { type Host, hostKey, hostsKey, setHostTags } from '../api/hosts';
import { useMayChange } from '../state/session';
import { text } from '../text';
import { Tags } from './Tags';
import styles from './Tags.module.css';

type Tagged = Pick<Host, 'name' | 'tags' | 'ownTags'>;

export interface HostTagsProps {
  readonly host: Tagged;
}

/** The tags of a host; whoever may change them does so where they stand. */
export function HostTags({ host }: HostTagsProps): JSX.Element {
  const mayChange = useMayChange();
  const [open, setOpen] = useState(false);
  if (!mayChange) {
    return (
      <span className={styles.plain}>
        <Tags tags={host.tags} />
      </span>
    );
  }
  // A popover for each row of a long table, most of them never opened, would cost more than the rows.
  return (
    <>
      <button
        type="button"
        className={styles.edit}
        data-empty={host.tags.length === 0 || undefined}
        title={text.tags.edit(host.name)}
        aria-expanded={open}
        onMouseDown={(event) => event.stopPropagation()}
        onTouchStart={(event) => event.stopPropagation()}
        onClick={() => setOpen(!open)}
      >
        <span className="visually-hidden">{text.tags.edit(host.name)}:</span>
        {host.tags.length === 0 ? text.tags.add : <Tags tags={host.tags} />}
      </button>
      {open && (
        <Popover opened onChange={setOpen} position="bottom-start" width={320} shadow="md" trapFocus>
          <Popover.Target>
            <span />
          </Popover.Target>
          <Popover.Dropdown>
            <TagForm host={host} onDone={() => setOpen(false)} />
          </Popover.Dropdown>
        </Popover>
      )}
    </>
  );
}

interface TagFormProps {
  readonly host: Tagged;
  readonly onDone: () => void;
}

function TagForm({ host, onDone }: TagFormProps): JSX.Element {
  const words = text.tags;
  const client = useQueryClient();
  const [typed, setTyped] = useState(host.ownTags.join(' '));
  const save = useMutation({
    mutationFn: (tags: readonly string[]) => setHostTags(host.name, tags),
    onSuccess: async () => {
      onDone();
      await Promise.all([
        client.invalidateQueries({ queryKey: hostsKey }),
        client.invalidateQueries({ queryKey: hostKey(host.name) }),
      ]);
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate(typed.split(/[\s,]+/).filter((tag) => tag !== ''));
  };
  const ofAgent = host.tags.filter((tag) => !host.ownTags.includes(tag));
  return (
    <form onSubmit={submit}>
      <TextInput
        size="xs"
        label={words.label(host.name)}
        placeholder={words.example}
        value={typed}
        spellCheck={false}
        data-autofocus
        onChange={(event) => setTyped(event.currentTarget.value)}
      />
      <p className={styles.hint}>{words.hint}</p>
      {ofAgent.length > 0 && <p className={styles.hint}>{words.ofAgent(ofAgent.join(' '))}</p>}
      {save.error && (
        <p className={styles.problem} role="alert">
          {save.error.message}
        </p>
      )}
      <div className={styles.buttons}>
        <Button size="compact-xs" variant="default" onClick={onDone}>
          {text.common.cancel}
        </Button>
        <Button type="submit" size="compact-xs" loading={save.isPending}>
          {words.save}
        </Button>
      </div>
    </form>
  );
}
