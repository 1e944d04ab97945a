import { Anchor, Button } from '@mantine/core';
import { type JSX, useState } from 'react';
import { type UseMutationResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';

import { type Rule, fetchRules, removeRule, rulesKey, switchRule } from '../../api/rules';
import { AddButton } from '../../components/AddButton';
import { Confirm } from '../../components/Confirm';
import { Failure } from '../../components/Failure';
import { Loaded } from '../../components/Loaded';
import { type PlainColumn, PlainTable, Section } from '../../components/Section';
import { useMayChange } from '../../state/session';
import { text } from '../../text';
import { RuleDialog } from './RuleDialog';
import { RuleHistory } from './RuleHistory';

/** All rules of alerts, for operators to change. */
export function RulesSection(): JSX.Element {
  const words = text.alerts.rules;
  const [edited, setEdited] = useState<Rule | null>();
  const rules = useQuery({ queryKey: rulesKey, queryFn: ({ signal }) => fetchRules(signal) });
  const mayChange = useMayChange();
  const [onSwitch, onRemove] = [useRuleChange(switchRule), useRuleChange(removeRule)];
  const error = onSwitch.error ?? onRemove.error;
  return (
    <Section
      title={words.title}
      intro={words.intro}
      action={<AddButton label={words.create} onClick={() => setEdited(null)} />}
    >
      <Failure error={error} />
      <Loaded of={rules}>
        {(all) => (
          <PlainTable<Rule>
            label={words.title}
            rows={all}
            keyOf={({ name }) => name}
            isFaint={({ enabled }) => !enabled}
            columns={
              mayChange
                ? [...columns(setEdited), ...actions(onSwitch.mutate, onRemove.mutate)]
                : columns(undefined)
            }
          />
        )}
      </Loaded>
      <RuleHistory />
      <RuleDialog rule={edited} onClose={() => setEdited(undefined)} />
    </Section>
  );
}

function useRuleChange(change: (rule: Rule) => Promise<void>): UseMutationResult<void, Error, Rule> {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => client.invalidateQueries({ queryKey: rulesKey }),
  });
}

function columns(onEdit: ((rule: Rule) => void) | undefined): readonly PlainColumn<Rule>[] {
  const words = text.alerts.rules;
  return [
    {
      label: words.rule,
      cell: (rule) =>
        onEdit ? (
          <Anchor component="button" type="button" title={words.edit} onClick={() => onEdit(rule)}>
            {rule.name}
          </Anchor>
        ) : (
          rule.name
        ),
    },
    { label: words.kind, cell: ({ kind }) => kind },
    { label: text.alerts.severity, cell: ({ severity }) => text.alerts.severities[severity] },
    { label: words.origin, cell: originOf },
    { label: words.firing, numeric: true, cell: ({ firing }) => firing },
    { label: text.alerts.state, cell: ({ enabled }) => (enabled ? words.on : words.off) },
  ];
}

function actions(onSwitch: (rule: Rule) => void, onRemove: (rule: Rule) => void): PlainColumn<Rule>[] {
  const words = text.alerts.rules;
  return [
    {
      label: words.switch,
      action: true,
      cell: (rule) => (
        <Button size="compact-xs" variant="subtle" color="gray" onClick={() => onSwitch(rule)}>
          {rule.enabled ? words.switchOff : words.switchOn}
        </Button>
      ),
    },
    {
      label: words.remove,
      action: true,
      cell: (rule) =>
        rule.origin === 'api' && (
          <Confirm
            label={rule.overrides === null ? words.remove : words.restore}
            question={words.removeNow}
            onConfirm={() => onRemove(rule)}
          />
        ),
    },
  ];
}

function originOf({ origin, line, overrides }: Rule): string {
  const words = text.alerts.rules;
  if (origin === 'api') return overrides === null ? words.own : words.overriding(overrides);
  return origin === 'default' ? words.default : `${origin}:${String(line)}`;
}
