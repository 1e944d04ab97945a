import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { PostgreSQL, sql } from '@codemirror/lang-sql';
import { bracketMatching, syntaxHighlighting } from '@codemirror/language';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { EditorView, drawSelection, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { classHighlighter } from '@lezer/highlight';
import { type JSX, useEffect, useRef } from 'react';

import type { SqlSchema } from '../../api/sql';
import { text } from '../../text';
import styles from './Editor.module.css';

export interface EditorProps {
  readonly value: string;
  readonly schema: SqlSchema;
  readonly onChange: (value: string) => void;
  readonly onRun: () => void;
}

const language = (schema: SqlSchema): ReturnType<typeof sql> =>
  sql({
    dialect: PostgreSQL,
    upperCaseKeywords: true,
    schema: Object.fromEntries(Object.entries(schema).map(([table, columns]) => [table, [...columns]])),
  });

/** A query, with completion of keywords, tables and columns. Tab leaves it after Escape, for those who type. */
export function Editor({ value, schema, onChange, onRun }: EditorProps): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const known = useRef(new Compartment());
  const calls = useRef({ onChange, onRun });
  useEffect(() => {
    calls.current = { onChange, onRun };
  }, [onChange, onRun]);

  useEffect(() => {
    if (!element.current) return undefined;
    const run = (): boolean => {
      calls.current.onRun();
      return true;
    };
    const made = new EditorView({
      parent: element.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          Prec.highest(keymap.of([{ key: 'Mod-Enter', run }])),
          lineNumbers(),
          history(),
          drawSelection(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          keymap.of([
            ...closeBracketsKeymap,
            ...completionKeymap,
            ...historyKeymap,
            ...defaultKeymap,
            indentWithTab,
          ]),
          syntaxHighlighting(classHighlighter),
          placeholder(text.sql.placeholder),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': text.sql.editor }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) calls.current.onChange(update.state.doc.toString());
          }),
          known.current.of(language({})),
        ],
      }),
    });
    view.current = made;
    return () => {
      made.destroy();
      view.current = null;
    };
    // oxlint-disable-next-line react/exhaustive-deps -- made once; what comes later is put into it below
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: known.current.reconfigure(language(schema)) });
  }, [schema]);

  useEffect(() => {
    const editor = view.current;
    const shown = editor?.state.doc.toString();
    if (editor && shown !== value)
      editor.dispatch({ changes: { from: 0, to: shown?.length ?? 0, insert: value } });
  }, [value]);

  return <div ref={element} className={styles.editor} />;
}
