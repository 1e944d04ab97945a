/** Every word of the page in Chinese, by area. */
import type { Text } from './en';

import { admin } from './zh/admin';
import { alerts } from './zh/alerts';
import { app } from './zh/app';
import { fleet } from './zh/fleet';
import { host } from './zh/host';
import { processes } from './zh/processes';
import { sections } from './zh/sections';
import { sql } from './zh/sql';

export const zh: Text = { ...app, ...alerts, ...admin, ...fleet, ...host, ...processes, ...sections, ...sql };
