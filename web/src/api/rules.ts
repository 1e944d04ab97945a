import type { Severity } from './alerts';
import { request } from './client';
import { parseTime } from './wire';

export interface Rule {
  readonly name: string;
  readonly kind: string;
  readonly severity: Severity;
  readonly for_seconds: number;
  /** A file, `default` or `api`. */
  readonly origin: string;
  readonly line: number;
  readonly firing: number;
  readonly pending: number;
  readonly enabled: boolean;
  /** TOML. */
  readonly definition: string;
  /** Where the rule comes from that this one takes the place of. */
  readonly overrides: string | null;
  /** Empty: nothing was changed here. */
  readonly revision: string;
}

export interface RuleProblem {
  readonly line: number;
  readonly text: string;
}

export interface RuleChange {
  readonly id: string;
  readonly timeMs: number;
  readonly rule: string;
  readonly author: string;
  readonly action: string;
  readonly note: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface RuleText {
  readonly definition: string;
  readonly note: string;
}

type WireChange = Omit<RuleChange, 'timeMs'> & { readonly time: string };

export const rulesKey = ['rules'] as const;
export const ruleHistoryKey = ['rules', 'history'] as const;
export const ruleCheckKey = (definition: string): readonly [string, string] => ['rule-check', definition];

const path = (name: string): string => `rules/${encodeURIComponent(name)}`;

export async function fetchRules(signal: AbortSignal): Promise<readonly Rule[]> {
  return (await request<{ rules: Rule[] }>('rules', { signal })).rules;
}

export async function fetchRuleHistory(limit: number, signal: AbortSignal): Promise<readonly RuleChange[]> {
  const answer = await request<{ changes: WireChange[] }>('rules/history', { query: { limit }, signal });
  return answer.changes.map(({ time, ...rest }) => ({ ...rest, timeMs: parseTime(time) ?? 0 }));
}

/** What is wrong with a rule's text. */
export async function checkRule(definition: string, signal: AbortSignal): Promise<readonly RuleProblem[]> {
  const answer = await request<{ problems: RuleProblem[] }>('rules/check', {
    method: 'POST',
    body: { definition },
    signal,
  });
  return answer.problems;
}

/** A new rule, or in place of `rule` as it was seen. */
export async function saveRule(text: RuleText, rule: Rule | null): Promise<void> {
  if (rule === null) {
    await request('rules', { method: 'POST', body: text });
  } else {
    await request(path(rule.name), { method: 'PUT', body: { ...text, revision: rule.revision } });
  }
}

export async function switchRule(rule: Rule): Promise<void> {
  const body = { enabled: !rule.enabled, revision: rule.revision };
  await request(path(rule.name), { method: 'PATCH', body });
}

/** What was made here is gone; what is in a file or built in holds again. */
export async function removeRule(rule: Rule): Promise<void> {
  await request(path(rule.name), { method: 'DELETE', query: { revision: rule.revision } });
}
