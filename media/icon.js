// Renders icon.svg as icon.png, which marketplaces and VS Code want: `node media/icon.js [path of a Chromium]`
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const at = (name) => new URL(name, import.meta.url);
const browser = await chromium.launch({
  executablePath: process.argv[2] ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  const page = await browser.newPage({ viewport: { width: 256, height: 256 } });
  await page.setContent(
    `<style>body { margin: 0 } svg { display: block }</style>${readFileSync(at('icon.svg'), 'utf8')}`,
  );
  await page.screenshot({ path: at('icon.png').pathname, omitBackground: true });
} finally {
  await browser.close();
}
