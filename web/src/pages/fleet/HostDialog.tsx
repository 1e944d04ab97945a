import { List, Modal, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';
import { useMutation, useQueryClient } from '@tanstack/react-query';

import { type Host, hostsKey, removeHost, renameHost } from '../../api/hosts';
import { Confirm } from '../../components/Confirm';
import { Failure } from '../../components/Failure';
import { FormEnd } from '../../components/FormEnd';
import { HostTags } from '../../components/HostTags';
import { text } from '../../text';
import styles from './HostDialog.module.css';

export interface HostDialogProps {
  /** As the inventory has it now. */
  readonly host: Host;
  readonly onClose: () => void;
}

/** What can be changed of a host: its name and tags, and whether it is watched at all. */
export function HostDialog({ host, onClose }: HostDialogProps): JSX.Element {
  const words = text.fleet.change;
  return (
    <Modal
      opened
      onClose={onClose}
      title={words.title(host.name)}
      size="lg"
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      <RenameForm host={host} onDone={onClose} />
      <section className={styles.part} aria-label={text.fleet.columns.tags}>
        <h3>{text.fleet.columns.tags}</h3>
        <HostTags host={host} />
      </section>
      <RemovePart host={host} onDone={onClose} />
    </Modal>
  );
}

interface PartProps {
  readonly host: Host;
  readonly onDone: () => void;
}

function RenameForm({ host, onDone }: PartProps): JSX.Element {
  const words = text.fleet.change;
  const client = useQueryClient();
  const [name, setName] = useState(host.name);
  const rename = useMutation({
    mutationFn: () => renameHost(host.id, name.trim()),
    onSuccess: async () => {
      onDone();
      await client.invalidateQueries({ queryKey: hostsKey });
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    rename.mutate();
  };
  return (
    <form onSubmit={submit}>
      <TextInput
        label={words.name}
        description={words.nameHint}
        value={name}
        maxLength={253}
        spellCheck={false}
        onChange={(event) => setName(event.currentTarget.value)}
        data-autofocus
      />
      <FormEnd
        label={words.rename}
        busy={rename.isPending}
        disabled={name.trim() === '' || name.trim() === host.name}
        error={rename.error}
      />
    </form>
  );
}

/** Says all that comes of it before it is done. */
function RemovePart({ host, onDone }: PartProps): JSX.Element {
  const words = text.fleet.change;
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => removeHost(host.id),
    onSuccess: async () => {
      onDone();
      await client.invalidateQueries({ queryKey: hostsKey });
    },
  });
  return (
    <section className={styles.part} aria-label={words.remove}>
      <h3>{words.remove}</h3>
      <List size="sm" spacing={4}>
        <List.Item>{words.ofHistory}</List.Item>
        <List.Item>{words.ofCertificates}</List.Item>
        <List.Item>{host.state === 'down' ? words.ofAgent : words.ofRunningAgent}</List.Item>
        <List.Item>{words.ofAlerts}</List.Item>
        <List.Item>{words.ofReturn}</List.Item>
      </List>
      <Failure error={remove.error} />
      <div className={styles.end}>
        <Confirm
          label={words.removeHost(host.name)}
          question={words.removeNow(host.name)}
          busy={remove.isPending}
          onConfirm={() => remove.mutate()}
        />
      </div>
    </section>
  );
}
