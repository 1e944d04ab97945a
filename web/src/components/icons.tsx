import type { JSX, ReactNode } from 'react';

/** Icons of the page: 16 by 16, drawn in the colour of the text, always beside a name. */
function Icon({ children }: { readonly children: ReactNode }): JSX.Element {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

export const SunIcon = (): JSX.Element => (
  <Icon>
    <circle cx="8" cy="8" r="2.8" />
    <path d="M8 1.5v1.6M8 12.9v1.6M1.5 8h1.6M12.9 8h1.6M3.4 3.4l1.1 1.1M11.5 11.5l1.1 1.1M3.4 12.6l1.1-1.1M11.5 4.5l1.1-1.1" />
  </Icon>
);
export const BellIcon = (): JSX.Element => (
  <Icon>
    <path d="M4 11V7.2a4 4 0 0 1 8 0V11l1.2 1.4H2.8zM6.8 14.2h2.4" />
  </Icon>
);
export const MoonIcon = (): JSX.Element => (
  <Icon>
    <path d="M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z" />
  </Icon>
);
export const HelpIcon = (): JSX.Element => (
  <Icon>
    <circle cx="8" cy="8" r="6.2" />
    <path d="M6.2 6.3a1.9 1.9 0 0 1 3.7.5c0 1.3-1.9 1.5-1.9 2.7M8 11.6v.01" />
  </Icon>
);
export const UserIcon = (): JSX.Element => (
  <Icon>
    <circle cx="8" cy="5.4" r="2.6" />
    <path d="M2.8 13.8c.5-2.6 2.6-4 5.2-4s4.700 1.4 5.2 4" />
  </Icon>
);
export const LeftIcon = (): JSX.Element => (
  <Icon>
    <path d="M9.800 3.5 5.3 8l4.500 4.5" />
  </Icon>
);
export const RightIcon = (): JSX.Element => (
  <Icon>
    <path d="M6.200 3.5 10.7 8l-4.5 4.5" />
  </Icon>
);
export const DownIcon = (): JSX.Element => (
  <Icon>
    <path d="M3.500 6.2 8 10.700l4.500-4.5" />
  </Icon>
);
export const ZoomOutIcon = (): JSX.Element => (
  <Icon>
    <circle cx="7" cy="7" r="4.6" />
    <path d="m10.500 10.5 3.5 3.500M5 7h4" />
  </Icon>
);
export const ZoomInIcon = (): JSX.Element => (
  <Icon>
    <circle cx="7" cy="7" r="4.6" />
    <path d="m10.500 10.5 3.5 3.500M5 7h4M7 5v4" />
  </Icon>
);
export const CloseIcon = (): JSX.Element => (
  <Icon>
    <path d="m4 4 8 8M12 4l-8 8" />
  </Icon>
);
export const PinIcon = (): JSX.Element => (
  <Icon>
    <path d="M6 2h4l-.6 4.5 2.4 2.500H4.200l2.400-2.500L6 2ZM8 9v5" />
  </Icon>
);
export const SearchIcon = (): JSX.Element => (
  <Icon>
    <circle cx="7" cy="7" r="4.6" />
    <path d="m10.500 10.5 3.5 3.5" />
  </Icon>
);
export const ClockIcon = (): JSX.Element => (
  <Icon>
    <circle cx="8" cy="8" r="6.2" />
    <path d="M8 4.500V8l2.400 1.6" />
  </Icon>
);
export const PlusIcon = (): JSX.Element => (
  <Icon>
    <path d="M8 3v10M3 8h10" />
  </Icon>
);
export const InfoIcon = (): JSX.Element => (
  <Icon>
    <circle cx="8" cy="8" r="6.2" />
    <path d="M8 7.300v3.700M8 4.900v.01" />
  </Icon>
);
export const CopyIcon = (): JSX.Element => (
  <Icon>
    <rect x="5.5" y="5.5" width="8" height="8" rx="1.5" />
    <path d="M10.500 3.200v-.2A1.500 1.5 0 0 0 9 1.500H3A1.500 1.5 0 0 0 1.5 3v6A1.500 1.5 0 0 0 3 10.500h.2" />
  </Icon>
);

export const UndoIcon = (): JSX.Element => (
  <Icon>
    <path d="M5.500 3 2.500 6l3 3M3 6h6.500a3.500 3.500 0 0 1 0 7H6" />
  </Icon>
);
export const CompareIcon = (): JSX.Element => (
  <Icon>
    <path d="M1.500 11.500c2-6 4-6 6-2s4 3 7-4.500" />
    <path d="M1.500 7.500c2-4 4-4 6 0s4 3 7-1.500" strokeDasharray="1.500 2.500" />
  </Icon>
);
export const StatsIcon = (): JSX.Element => (
  <Icon>
    <path d="M2 3h12M2 8h12M2 13h12M8 3v10" />
  </Icon>
);
export const ColumnsIcon = (): JSX.Element => (
  <Icon>
    <rect x="2" y="3" width="12" height="10" rx="1.500" />
    <path d="M6 3v10M10 3v10" />
  </Icon>
);
export const ExportIcon = (): JSX.Element => (
  <Icon>
    <path d="M8 2v8M5 7l3 3 3-3M3 12.500v1h10v-1" />
  </Icon>
);
export const OpenIcon = (): JSX.Element => (
  <Icon>
    <path d="M6 3H3.500v9.500H13V10M9 3h4v4M13 3 7.500 8.500" />
  </Icon>
);
export const MoreIcon = (): JSX.Element => (
  <Icon>
    <path d="M3.500 8v.01M8 8v.01M12.500 8v.01" />
  </Icon>
);

/** The product's mark: a dial and its needle. */
export function Logo({ size = 22 }: { readonly size?: number }): JSX.Element {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true" focusable="false">
      <path
        d="M6.600 24.200a12 12 0 1 1 18.8 0"
        stroke="var(--ink-faint)"
        strokeWidth="2.6"
        strokeLinecap="round"
      />
      <path d="M16 18.6 22.4 9.8" stroke="var(--needle)" strokeWidth="2.9" strokeLinecap="round" />
      <circle cx="16" cy="18.8" r="3" fill="var(--needle)" />
    </svg>
  );
}
