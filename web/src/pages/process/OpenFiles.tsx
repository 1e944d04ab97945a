import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type JSX, useRef, useState } from 'react';

import { ApiError } from '../../api/client';
import { type OpenFile, type OpenFiles as Found, askOpenFiles } from '../../api/openFiles';
import type { ProcessKey } from '../../api/processes';
import { FilterField } from '../../components/FilterField';
import { ABSENT, formatBytes, formatCount } from '../../lib/format';
import { formatClock } from '../../lib/time';
import { text } from '../../text';
import { Section } from './Section';
import styles from './ProcessPage.module.css';

export interface OpenFilesProps {
  readonly host: string;
  readonly process: ProcessKey;
}

/** What the process holds open: nothing is recorded of it, so its host is asked when somebody wants to know. */
export function OpenFiles({ host, process }: OpenFilesProps): JSX.Element {
  const words = text.processPage.openFiles;
  const asked = useMutation({ mutationFn: () => askOpenFiles(host, process), retry: false });
  return (
    <Section title={words.title} isWide>
      <div className={styles.asking}>
        <Button size="xs" variant="default" loading={asked.isPending} onClick={() => asked.mutate()}>
          {words.ask}
        </Button>
        <span className={styles.none} role="status">
          {asked.isPending
            ? words.asking
            : asked.error
              ? failure(asked.error)
              : asked.data
                ? words.at(formatClock(asked.data.atMs))
                : words.intro}
        </span>
      </div>
      {asked.data && !asked.error && <FileTable found={asked.data} />}
    </Section>
  );
}

function failure(error: Error): string {
  const reason = error instanceof ApiError ? error.reason : null;
  return (reason === null ? undefined : text.processPage.openFiles.refused[reason]) ?? error.message;
}

function FileTable({ found }: { readonly found: Found }): JSX.Element {
  const words = text.processPage.openFiles;
  const [filter, setFilter] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const wanted = filter.toLowerCase();
  const shown = found.files.filter((file) => `${file.kind} ${nameText(file)}`.toLowerCase().includes(wanted));
  const { number } = styles;
  return (
    <>
      <div className={styles.asking}>
        <FilterField
          {...{ input }}
          label={words.filter}
          hint={words.filter}
          value={filter}
          onChange={setFilter}
        />
        <span className={styles.none}>
          {words.shown(shown.length, found.total === null ? ABSENT : formatCount(found.total))}
        </span>
      </div>
      <table className={styles.list} aria-label={words.title}>
        <thead>
          <tr>
            <th scope="col" className={number}>
              {words.fd}
            </th>
            <th scope="col">{words.kind}</th>
            <th scope="col">{words.access}</th>
            <th scope="col" className={number}>
              {words.size}
            </th>
            <th scope="col" className={number}>
              {words.position}
            </th>
            <th scope="col">{words.name}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((file) => (
            <tr key={file.fd}>
              <td className={number}>{file.fd}</td>
              <td>{words.kinds[file.kind] ?? file.kind}</td>
              <td>{file.access === null ? ABSENT : (words.ways[file.access] ?? file.access)}</td>
              <td className={number}>{formatBytes(file.sizeBytes)}</td>
              <td className={number}>{formatCount(file.position)}</td>
              <td className={styles.path} title={nameText(file)}>
                {nameText(file)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

const nameText = ({ name, deleted }: OpenFile): string =>
  deleted ? `${name} ${text.processPage.openFiles.deleted}` : name;
