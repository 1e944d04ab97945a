import { useCallback } from 'react';

import type { Session } from '../api/session';
import { type Command, type CommandGroup, useCommands } from '../state/commands';
import { navigate } from '../state/router';
import { chooseContrast, chooseZone } from '../state/settings';
import { LANGUAGES, LANGUAGE_NAMES, chooseLanguage, language, text } from '../text';

export interface AppActions {
  readonly session: Session;
  readonly contrast: boolean;
  readonly toggleScheme: () => void;
  readonly openHelp: () => void;
}

/** What the palette offers on every page. */
export function useAppCommands({ session, contrast, toggleScheme, openHelp }: AppActions): void {
  const provide = useCallback((): readonly Command[] => {
    const words = text.palette;
    const command = (group: CommandGroup, title: string, run: () => void, keys?: string): Command => ({
      id: `${group}:${title}`,
      group,
      title,
      run,
      ...(keys === undefined ? {} : { keys }),
    });
    const page = (title: string, path: string): Command => command('page', title, () => navigate(path));
    const zone = (name: string, title: string): Command => ({
      ...command('zone', title, () => chooseZone(name)),
      words: text.settings.zone,
      onlyFound: true,
    });
    return [
      page(text.fleet.title, '/'),
      page(text.fleetHeat.title, '/?view=heat'),
      page(text.alerts.title, '/alerts'),
      page(text.receivers.title, '/receivers'),
      page(text.events.title, '/events'),
      page(text.storage.title, '/storage'),
      page(text.sql.title, '/sql'),
      ...(session.role === 'admin' ? [page(text.access.title, '/access')] : []),
      page(text.about.title, '/about'),
      command('action', words.scheme, toggleScheme, 'D'),
      command('action', contrast ? words.normalContrast : words.highContrast, () =>
        chooseContrast(!contrast),
      ),
      ...LANGUAGES.filter((one) => one !== language).map((one) =>
        command('action', LANGUAGE_NAMES[one], () => chooseLanguage(one)),
      ),
      command('action', text.header.help, openHelp, '?'),
      command('action', words.print, () => window.print()),
      zone('browser', text.settings.zones.browser),
      zone('UTC', text.settings.zones.utc),
      ...Intl.supportedValuesOf('timeZone').map((name) => zone(name, name)),
    ];
  }, [session.role, contrast, toggleScheme, openHelp]);
  useCommands(provide);
}
