import { readPreference, writePreference } from '../lib/preference';
import type { Text } from './en';

import { en } from './en';

export type Language = 'en' | 'zh';

export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', zh: '中文' };

export const LANGUAGES: readonly Language[] = ['en', 'zh'];

export const isLanguage = (value: unknown): value is Language => value === 'en' || value === 'zh';

/** The first of a browser's languages that the page has; English when it has none of them. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const [code = ''] = tag.toLowerCase().split('-');
    if (isLanguage(code)) return code;
  }
  return 'en';
}

/** Decided once: words are used where the page is loaded, so that another language loads it anew. */
export const language: Language =
  typeof window === 'undefined'
    ? 'en'
    : readPreference('language', preferredLanguage(window.navigator.languages), isLanguage);

export function chooseLanguage(next: Language): void {
  writePreference('language', next);
  // The whole state is in the address: nothing is lost.
  window.location.reload();
}

/** The words of the language in use. Nobody loads those of another. */
export const text: Text = language === 'zh' ? (await import('./zh')).zh : en;
