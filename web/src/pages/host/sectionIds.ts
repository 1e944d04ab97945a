/** The sections below the charts that a host page begins with, from the top. */
export const SECTION_IDS = [
  'filesystems',
  'disks',
  'interfaces',
  'sockets',
  'sensors',
  'gpus',
  'units',
] as const;

export type SectionId = (typeof SECTION_IDS)[number];
