import { ActionIcon, Menu } from '@mantine/core';
import type { JSX } from 'react';

import { text } from '../text';
import { LateMenu } from './Late';
import { ColumnsIcon } from './icons';

export interface ColumnChoiceItem {
  readonly id: string;
  readonly label: string;
  readonly shown: boolean;
}

export interface ColumnMenuProps {
  readonly items: readonly ColumnChoiceItem[];
  readonly onToggle: (id: string, shown: boolean) => void;
  readonly onReset: () => void;
}

/** Which columns a table has: remembered, and undone in one step. */
export function ColumnMenu({ items, onToggle, onReset }: ColumnMenuProps): JSX.Element {
  return (
    <LateMenu
      position="bottom-end"
      closeOnItemClick={false}
      width={210}
      target={
        <ActionIcon
          data-hint={text.common.columns}
          size={30}
          variant="default"
          aria-label={text.common.columns}
        >
          <ColumnsIcon />
        </ActionIcon>
      }
    >
      {() => (
        <Menu.Dropdown mah={420} style={{ overflow: 'auto' }}>
          {items.map(({ id, label, shown }) => (
            <Menu.CheckboxItem key={id} checked={shown} onChange={(next) => onToggle(id, next)}>
              {label}
            </Menu.CheckboxItem>
          ))}
          <Menu.Divider />
          <Menu.Item onClick={onReset}>{text.common.reset}</Menu.Item>
        </Menu.Dropdown>
      )}
    </LateMenu>
  );
}
