import { Menu, type MenuProps, Popover, type PopoverProps } from '@mantine/core';
import {
  type JSX,
  type MouseEventHandler,
  type ReactElement,
  type ReactNode,
  cloneElement,
  useId,
  useState,
} from 'react';
import { flushSync } from 'react-dom';

interface TargetProps {
  readonly id?: string;
  readonly onClick?: MouseEventHandler;
  readonly 'aria-haspopup'?: 'menu' | 'dialog';
  readonly 'aria-expanded'?: boolean;
}

interface LateProps {
  /** The button that opens it: it takes what a button takes, and has neither `id` nor `onClick` of its own. */
  readonly target: ReactElement<TargetProps>;
}

interface Late {
  /** Of the button, which Mantine gives the id of what opens. */
  readonly id: string;
  readonly isMounted: boolean;
  readonly opened: boolean;
  readonly setOpened: (opened: boolean) => void;
  readonly button: ReactElement<TargetProps>;
}

/** Until it is first opened, there is its button only: most of a page's menus never are, and each would cost every page. */
function useLate(target: ReactElement<TargetProps>, popup: 'menu' | 'dialog'): Late {
  const [isMounted, setMounted] = useState(false);
  const [opened, setOpened] = useState(false);
  const id = useId();
  const open = (): void => {
    const hadFocus = document.activeElement?.id === id;
    // The button is made anew within what opens. It has the focus again before that opens, which gives it back at its end.
    flushSync(() => setMounted(true));
    if (hadFocus) document.getElementById(id)?.focus();
    setOpened(true);
  };
  const closed = { id, onClick: open, 'aria-haspopup': popup, 'aria-expanded': false };
  const button = isMounted ? target : cloneElement(target, closed);
  return { id, isMounted, opened, setOpened, button };
}

export interface LateMenuProps extends LateProps, Omit<MenuProps, 'children' | 'id' | 'opened' | 'onChange'> {
  /** What is in it: its `Menu.Dropdown`. */
  readonly children: () => ReactNode;
}

/** A menu that is made when it is first opened. */
export function LateMenu({ target, children, ...rest }: LateMenuProps): JSX.Element {
  const { id, isMounted, opened, setOpened, button } = useLate(target, 'menu');
  if (!isMounted) return button;
  return (
    <Menu {...rest} id={id} opened={opened} onChange={setOpened}>
      <Menu.Target>{button}</Menu.Target>
      {children()}
    </Menu>
  );
}

export interface LatePopoverProps
  extends LateProps, Omit<PopoverProps, 'children' | 'id' | 'opened' | 'onChange'> {
  /** What is in it, told how to close it. */
  readonly children: (close: () => void) => ReactNode;
}

/** A popover that is made when it is first opened. */
export function LatePopover({ target, children, ...rest }: LatePopoverProps): JSX.Element {
  const { id, isMounted, opened, setOpened, button } = useLate(target, 'dialog');
  if (!isMounted) return button;
  return (
    <Popover {...rest} id={id} opened={opened} onChange={setOpened}>
      <Popover.Target>{cloneElement(button, { onClick: () => setOpened(!opened) })}</Popover.Target>
      <Popover.Dropdown>{children(() => setOpened(false))}</Popover.Dropdown>
    </Popover>
  );
}
