/** How one person likes the page: time zone and contrast, kept in this browser and the same on every page. */
import { useSyncExternalStore } from 'react';
import { useComputedColorScheme } from '@mantine/core';

import { type Zone, isZone, setZone } from '../lib/zone';
import { Store } from '../lib/store';
import type { ColorScheme } from '../palette';
import { isBoolean, readPreference, writePreference } from '../lib/preference';

const zones = new Store<Zone>(readPreference('zone', 'browser', isZone));
setZone(zones.get());

const prefersContrast =
  typeof window !== 'undefined' && window.matchMedia('(prefers-contrast: more)').matches;
const contrast = new Store<boolean>(readPreference('contrast', prefersContrast, isBoolean));
showContrast(contrast.get());

function showContrast(isHigh: boolean): void {
  if (typeof document === 'undefined') return;
  document.documentElement.toggleAttribute('data-contrast', isHigh);
}

export function useZone(): Zone {
  return useSyncExternalStore(zones.subscribe, zones.get);
}

export function chooseZone(zone: Zone): void {
  setZone(zone);
  writePreference('zone', zone);
  zones.set(zone);
}

export function useContrast(): boolean {
  return useSyncExternalStore(contrast.subscribe, contrast.get);
}

export function chooseContrast(isHigh: boolean): void {
  showContrast(isHigh);
  writePreference('contrast', isHigh);
  contrast.set(isHigh);
}

/** As the browser has it already when the page is first drawn: told after that, all of it would be drawn once more. */
const AT_ONCE = { getInitialValueInEffect: false };

/** Dark or light, whether somebody chose it here or in the system. */
export const useLightness = (): 'light' | 'dark' => useComputedColorScheme('dark', AT_ONCE);

/** The colours that canvases are drawn with. */
export function useScheme(): ColorScheme {
  const scheme = useLightness();
  return useContrast() ? `${scheme}-contrast` : scheme;
}
