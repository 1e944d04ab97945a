import { Code, List, Modal, NativeSelect, TextInput, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { type FormEvent, type JSX, useState } from 'react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { type Rule, type RuleProblem, checkRule, ruleCheckKey, rulesKey, saveRule } from '../../api/rules';
import { FormEnd } from '../../components/FormEnd';
import { text } from '../../text';
import { RULE_TEMPLATES } from './ruleTemplates';

const CHECK_AFTER_MS = 300;
const [FIRST = ['', ''] as const] = RULE_TEMPLATES;

export interface RuleDialogProps {
  /** Absent: closed. Null: a new rule. */
  readonly rule: Rule | null | undefined;
  readonly onClose: () => void;
}

/** Writes a rule, or shows it to somebody who may not. */
export function RuleDialog({ rule, onClose }: RuleDialogProps): JSX.Element {
  const words = text.alerts.rules;
  return (
    <Modal
      opened={rule !== undefined}
      onClose={onClose}
      size="xl"
      title={rule ? words.editing(rule.name) : words.create}
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {rule !== undefined && <RuleForm rule={rule} onClose={onClose} />}
    </Modal>
  );
}

interface RuleFormProps {
  readonly rule: Rule | null;
  readonly onClose: () => void;
}

function RuleForm({ rule, onClose }: RuleFormProps): JSX.Element {
  const words = text.alerts.rules;
  const client = useQueryClient();
  const [definition, setDefinition] = useState(rule?.definition ?? FIRST[1]);
  const [note, setNote] = useState('');
  const problems = useProblems(definition);
  const save = useMutation({
    mutationFn: () => saveRule({ definition, note }, rule),
    onSuccess: async () => {
      onClose();
      await client.invalidateQueries({ queryKey: rulesKey });
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form onSubmit={submit}>
      {rule === null && (
        <NativeSelect
          label={words.begin}
          size="xs"
          data={RULE_TEMPLATES.map(([kind]) => kind)}
          onChange={(event) => {
            const chosen = RULE_TEMPLATES.find(([kind]) => kind === event.currentTarget.value);
            setDefinition((chosen ?? FIRST)[1]);
          }}
        />
      )}
      <Textarea
        label={words.definition}
        description={rule && rule.origin !== 'api' ? words.above(rule.origin) : words.definitionHint}
        value={definition}
        onChange={(event) => setDefinition(event.currentTarget.value)}
        autosize
        minRows={8}
        maxRows={24}
        mt="sm"
        spellCheck={false}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
        data-autofocus
      />
      <Problems problems={problems} />
      <TextInput
        mt="sm"
        label={words.note}
        value={note}
        maxLength={500}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
      <FormEnd label={words.save} busy={save.isPending} disabled={problems.length > 0} error={save.error} />
    </form>
  );
}

/** What the server finds wrong, a moment after the last key. */
function useProblems(definition: string): readonly RuleProblem[] {
  const [settled] = useDebouncedValue(definition, CHECK_AFTER_MS);
  const check = useQuery({
    queryKey: ruleCheckKey(settled),
    queryFn: ({ signal }) => checkRule(settled, signal),
    placeholderData: (before) => before,
  });
  return check.data ?? [];
}

function Problems({ problems }: { readonly problems: readonly RuleProblem[] }): JSX.Element {
  return (
    <div role="status" aria-label={text.alerts.rules.problems}>
      {problems.length > 0 && (
        <List size="sm" mt="xs" c="var(--mantine-color-error)">
          {problems.map(({ line, text: said }) => (
            <List.Item key={`${String(line)} ${said}`}>
              <Code>{text.alerts.rules.line(line)}</Code> {said}
            </List.Item>
          ))}
        </List>
      )}
    </div>
  );
}
