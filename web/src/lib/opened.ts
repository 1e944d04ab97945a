/** When the page was opened, by the browser's clock. */
export const openedMs = Date.now();
