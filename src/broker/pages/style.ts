/** The look of every page: one sheet, light and dark, for one thumb first. Nothing is fetched. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f3f5f9; --card: #ffffff; --line: #d3d9e4; --text: #171d2b; --soft: #525c70;
  --accent: #2f53d0; --on-accent: #ffffff; --bad: #b3261e; --good: #0d6b4f; --wait: #8a5300;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1218; --card: #181c25; --line: #343c4d; --text: #edf0f6; --soft: #a8b1c4;
    --accent: #9db4ff; --on-accent: #0f1218; --bad: #ffb0a8; --good: #74d9b5; --wait: #f0bd75;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-bottom: 11rem; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; background: var(--page); color: var(--text);
  font: 17px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif;
  overflow-wrap: anywhere; -webkit-text-size-adjust: 100%;
}
bdi { unicode-bidi: isolate; }
.page { max-width: 40rem; margin: 0 auto; padding: 0 20px 32px; }
.top { display: flex; align-items: center; gap: 10px; min-height: 56px; color: var(--soft); font-size: 15px; font-weight: 600; }
.top svg { width: 24px; height: 24px; color: var(--accent); flex: none; }
.top a { color: inherit; text-decoration: none; padding: 12px 0; }
.top a:hover { text-decoration: underline; }
h1 { margin: 8px 0 12px; font-size: 25px; line-height: 1.25; letter-spacing: -.01em; text-wrap: balance; }
h2 { margin: 28px 0 8px; font-size: 15px; line-height: 1.4; font-weight: 650; color: var(--soft); }
p { margin: 0 0 12px; text-wrap: pretty; }
a { color: var(--accent); text-underline-offset: 3px; }
.soft { color: var(--soft); }
.small { font-size: 15px; }
.inshort { margin: -4px 0 16px; color: var(--soft); }
.reason { margin: 0 0 16px; padding: 12px 16px; background: var(--card); border-left: 4px solid var(--accent); border-radius: 0 10px 10px 0; font-size: 19px; line-height: 1.45; }
.facts { margin: 0 0 8px; border: 1px solid var(--line); border-radius: 14px; background: var(--card); padding: 4px 16px; }
.facts > div { padding: 11px 0; border-top: 1px solid var(--line); }
.facts > div:first-child { border-top: 0; }
dt { color: var(--soft); font-size: 14px; }
dd { margin: 0; }
dd p { margin: 0; }
dd ul, .plainlist { margin: 0; padding: 0; list-style: none; }
dd li + li { margin-top: 4px; }
dd li.warn { color: var(--wait); font-weight: 600; }
details > summary { cursor: pointer; min-height: 44px; padding: 9px 0; color: var(--accent); font-size: 16px; }
summary:hover { text-decoration: underline; text-underline-offset: 3px; }
dd details > summary { padding-bottom: 0; min-height: 0; }
pre { margin: 8px 0 4px; padding: 12px 14px; white-space: pre-wrap; background: var(--page); border: 1px solid var(--line); border-radius: 10px; font: 14px/1.5 ui-monospace, 'Cascadia Code', Menlo, monospace; }
.state { display: flex; gap: 10px; margin: 0 0 16px; padding: 12px 16px; border: 1px solid var(--line); border-radius: 12px; background: var(--card); font-weight: 600; }
.state ul { margin: 4px 0 0; padding: 0 0 0 20px; font-weight: 400; }
.state > span:first-child { flex: none; }
.state p { margin: 4px 0 0; font-weight: 400; }
.state.good { border-color: var(--good); } .state.good b { color: var(--good); }
.state.bad { border-color: var(--bad); } .state.bad b { color: var(--bad); }
.state.wait { border-color: var(--wait); } .state.wait b { color: var(--wait); }
button, .button { font: inherit; font-weight: 650; cursor: pointer; min-height: 52px; padding: 12px 22px; border-radius: 12px; border: 1px solid var(--line); background: var(--card); color: var(--text); text-align: center; }
.button { display: inline-block; text-decoration: none; }
.main { background: var(--accent); color: var(--on-accent); border-color: var(--accent); }
.main:hover { filter: brightness(1.08); }
.plain { min-height: 44px; padding: 8px 0; font-size: inherit; border: 0; background: none; color: var(--accent); font-weight: 400; text-decoration: underline; text-underline-offset: 3px; }
form { margin: 0; }
label { display: block; margin: 4px 0 6px; font-weight: 600; }
textarea, select { display: block; width: 100%; font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--soft); border-radius: 10px; padding: 10px 12px; }
.fault { margin: 6px 0 0; color: var(--bad); font-weight: 600; }
.actions { position: sticky; bottom: 0; margin: 16px -20px 0; padding: 12px 20px calc(8px + env(safe-area-inset-bottom)); background: var(--card); border-top: 1px solid var(--line); box-shadow: 0 -6px 20px rgb(0 0 0 / .10); }
.actions .now { margin: 0 0 4px; }
.actions .now button { width: 100%; }
.more { display: flex; flex-wrap: wrap; align-items: center; gap: 0 16px; }
.more summary { list-style: none; text-decoration: underline; text-underline-offset: 3px; }
.more summary::-webkit-details-marker { display: none; }
.more .plain { font-size: 16px; }
.more > details[open] { flex-basis: 100%; order: -1; padding-bottom: 12px; }
.more details button { width: 100%; margin-top: 10px; }
.who { display: flex; flex-wrap: wrap; align-items: center; gap: 0 12px; margin: 0; color: var(--soft); font-size: 14px; }
.who form { display: inline; }
.who p { margin: 0; }
.cards { display: grid; gap: 10px; margin: 0; padding: 0; list-style: none; }
.cards a { display: block; padding: 14px 16px; border: 1px solid var(--line); border-radius: 14px; background: var(--card); color: inherit; text-decoration: none; }
.cards a:hover { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
.cards strong { display: block; line-height: 1.35; }
.cards span { display: block; }
.cards .loud { color: var(--bad); font-size: 15px; font-weight: 600; }
.cards .words { margin-top: 4px; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.said { margin: 0; padding: 0; list-style: none; }
.said li { margin: 0 0 8px; padding: 10px 14px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.end { margin-top: 32px; padding-top: 8px; border-top: 1px solid var(--line); }
.alone { display: grid; align-content: center; min-height: 70vh; text-align: center; justify-items: center; }
.alone p { max-width: 26rem; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
@media (min-width: 700px) {
  .page { padding: 0 24px 48px; }
  .top { min-height: 72px; }
  h1 { font-size: 30px; }
  .actions { position: static; margin: 20px 0 0; padding: 16px 20px 10px; border: 1px solid var(--line); border-radius: 14px; box-shadow: none; }
  .actions .now button { width: auto; min-width: 14rem; }
  html { scroll-padding-bottom: 0; }
}
@media (max-height: 560px) { .actions { position: static; box-shadow: none; } html { scroll-padding-bottom: 0; } }
@media (forced-colors: active) { .reason { border-left-color: CanvasText; } }
`;
