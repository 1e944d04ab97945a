/** Every word of the page in English, by area. Another language is another object of the same type. */
import { admin } from './en/admin';
import { alerts } from './en/alerts';
import { app } from './en/app';
import { fleet } from './en/fleet';
import { host } from './en/host';
import { processes } from './en/processes';
import { sections } from './en/sections';
import { sql } from './en/sql';

export const en = { ...app, ...alerts, ...admin, ...fleet, ...host, ...processes, ...sections, ...sql };

export type Text = typeof en;
