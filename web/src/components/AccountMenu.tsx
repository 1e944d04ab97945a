import { ActionIcon, Menu } from '@mantine/core';
import { type JSX, Suspense, lazy, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';

import { serverNow } from '../api/client';
import { type Session, sessionKey, signOut } from '../api/session';
import { zoneLabel } from '../lib/zone';
import { navigate } from '../state/router';
import { chooseContrast, chooseZone, useContrast, useZone } from '../state/settings';
import { LANGUAGES, LANGUAGE_NAMES, chooseLanguage, isLanguage, language, text } from '../text';
import { LateMenu } from './Late';
import type { PasswordDialog as PasswordDialogType } from './PasswordDialog';
import { UserIcon } from './icons';

const PasswordDialog = lazy((): Promise<{ default: typeof PasswordDialogType }> =>
  import('./PasswordDialog').then((module) => ({ default: module.PasswordDialog })),
);

/** Who is signed in, and how they like the page. */
export function AccountMenu({ session }: { readonly session: Session }): JSX.Element {
  const client = useQueryClient();
  const zone = useZone();
  const contrast = useContrast();
  const [changing, setChanging] = useState(false);
  const leave = async (): Promise<void> => {
    await signOut().catch(() => undefined);
    client.clear();
    client.setQueryData(sessionKey, null);
    window.location.assign('/');
  };
  const words = text.settings;
  const zones: readonly (readonly [string, string])[] = [
    ['browser', words.zones.browser],
    ['UTC', words.zones.utc],
    ...(zone === 'browser' || zone === 'UTC' ? [] : [[zone, zone] as const]),
  ];
  return (
    <>
      <LateMenu
        position="bottom-end"
        width={248}
        target={
          <ActionIcon variant="subtle" color="gray" aria-label={text.header.account(session.user)}>
            <UserIcon />
          </ActionIcon>
        }
      >
        {() => (
          <Menu.Dropdown>
            <Menu.Label>
              {text.header.account(session.user)} · {text.access.roles[session.role]}
            </Menu.Label>
            <Menu.Item onClick={() => setChanging(true)}>{text.access.changePassword}</Menu.Item>
            <Menu.Item onClick={() => void leave()}>{text.header.signOut}</Menu.Item>
            <Menu.Divider />
            <Menu.Label>{`${words.zone} · ${zoneLabel(serverNow())}`}</Menu.Label>
            <Menu.RadioGroup value={zone} onChange={chooseZone}>
              {zones.map(([name, label]) => (
                <Menu.RadioItem key={name} value={name}>
                  {label}
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
            <Menu.Label>{words.language}</Menu.Label>
            <Menu.RadioGroup
              value={language}
              onChange={(chosen) => {
                if (isLanguage(chosen)) chooseLanguage(chosen);
              }}
            >
              {LANGUAGES.map((one) => (
                <Menu.RadioItem key={one} value={one}>
                  {LANGUAGE_NAMES[one]}
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
            <Menu.Divider />
            <Menu.CheckboxItem checked={contrast} onChange={chooseContrast}>
              {words.contrast}
            </Menu.CheckboxItem>
            <Menu.Divider />
            <Menu.Item onClick={() => navigate('/about')}>{text.about.title}</Menu.Item>
          </Menu.Dropdown>
        )}
      </LateMenu>
      {changing && (
        <Suspense>
          <PasswordDialog opened onClose={() => setChanging(false)} />
        </Suspense>
      )}
    </>
  );
}
