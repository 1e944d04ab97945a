import { ActionIcon, Button, Menu, NativeSelect, Popover, SegmentedControl, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, useState } from 'react';

import type { SqlFormat } from '../../api/sql';
import { ExportIcon } from '../../components/icons';
import { isApple } from '../../components/usePaletteKey';
import type { SqlView } from '../../state/sqlAddress';
import { text } from '../../text';
import styles from './SqlPage.module.css';

/** Rows that are asked for at most. */
export const LIMITS = [100, 1000, 10_000] as const;

export interface SqlBarProps {
  readonly running: boolean;
  readonly canRun: boolean;
  readonly limit: number;
  readonly show: SqlView['show'];
  readonly onRun: () => void;
  readonly onCancel: () => void;
  readonly onLimit: (limit: number) => void;
  readonly onShow: (show: SqlView['show']) => void;
  readonly onSave: (name: string) => void;
  readonly onDownload: (format: SqlFormat) => void;
}

const FORMATS: readonly SqlFormat[] = ['csv', 'json', 'parquet'];

/** What can be done with a query and its result. */
export function SqlBar(props: SqlBarProps): JSX.Element {
  const { running, canRun, limit, show, onRun, onCancel, onLimit, onShow, onSave, onDownload } = props;
  const words = text.sql;
  return (
    <div className={styles.bar}>
      {running ? (
        <Button size="xs" variant="default" onClick={onCancel}>
          {text.common.cancel}
        </Button>
      ) : (
        <Button
          data-hint={isApple ? '⌘ Enter' : 'Ctrl Enter'}
          size="xs"
          color="blue.8"
          onClick={onRun}
          disabled={!canRun}
        >
          {words.run}
        </Button>
      )}
      <NativeSelect
        size="xs"
        aria-label={words.limit}
        value={String(limit)}
        onChange={({ currentTarget: { value } }) => onLimit(Number(value))}
        data={LIMITS.map((rows) => ({ value: String(rows), label: words.rowsAtMost(rows) }))}
      />
      <SaveButton disabled={!canRun} onSave={onSave} />
      <div className={styles.spring} />
      <SegmentedControl
        size="xs"
        aria-label={words.shownAs}
        value={show}
        onChange={(next) => onShow(next === 'chart' ? 'chart' : 'table')}
        data={(['table', 'chart'] as const).map((one) => ({ value: one, label: words.show[one] }))}
      />
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon
            data-hint={words.download}
            size={30}
            variant="default"
            aria-label={words.download}
            disabled={!canRun}
          >
            <ExportIcon />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {FORMATS.map((format) => (
            <Menu.Item key={format} onClick={() => onDownload(format)}>
              {words.formats[format]}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}

function SaveButton(props: {
  readonly disabled: boolean;
  readonly onSave: (name: string) => void;
}): JSX.Element {
  const [opened, setOpened] = useState(false);
  const [name, setName] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() === '') return;
    props.onSave(name);
    setName('');
    setOpened(false);
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" trapFocus shadow="md">
      <Popover.Target>
        <Button size="xs" variant="default" disabled={props.disabled} onClick={() => setOpened(!opened)}>
          {text.sql.save}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form className={styles.saving} onSubmit={submit}>
          <TextInput
            size="xs"
            label={text.sql.name}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button type="submit" size="xs">
            {text.sql.save}
          </Button>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
