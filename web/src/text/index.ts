import type { Text } from './en';

import { en } from './en';

/** The words of the language in use. */
export const text: Text = en;
