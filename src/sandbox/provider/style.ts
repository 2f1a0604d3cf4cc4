/** The look of the identity provider's pages: one sheet, light and dark, nothing fetched. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f4f6fa; --glow: #dfe7fb; --card: #ffffff; --raised: #ffffff; --line: #d5dae4; --text: #1a2030; --soft: #566074;
  --accent: #3457d5; --on-accent: #ffffff; --ana: #3457d5; --ben: #0f7a5a; --carol: #8a3fb3; --dan: #a85413; --eva: #a32a58; --on-face: #ffffff;
  --shadow: 0 1px 2px rgb(20 30 60 / .06), 0 12px 32px rgb(20 30 60 / .08);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10131a; --glow: #1b2440; --card: #181c26; --raised: #1f2430; --line: #333b4d; --text: #eceff6; --soft: #a4aec2;
    --accent: #9db4ff; --on-accent: #10131a; --ana: #9db4ff; --ben: #6fd6b2; --carol: #d5a5f2; --dan: #f2b27e; --eva: #f7a3bf; --on-face: #10131a;
    --shadow: 0 16px 40px rgb(0 0 0 / .35);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px 16px;
  background: radial-gradient(60rem 32rem at 50% -8rem, var(--glow), transparent) no-repeat var(--page);
  color: var(--text); font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif;
}
main { width: 100%; max-width: 680px; padding: 36px; background: var(--card); border: 1px solid var(--line); border-radius: 20px; box-shadow: var(--shadow); }
main.narrow { max-width: 440px; }
header { display: flex; align-items: center; gap: 10px; color: var(--soft); font-size: 14px; font-weight: 600; }
header svg { width: 28px; height: 28px; color: var(--accent); flex: none; }
h1 { margin: 20px 0 4px; font-size: 28px; line-height: 1.2; letter-spacing: -.01em; text-wrap: balance; }
p { margin: 0 0 12px; color: var(--soft); text-wrap: pretty; }
ul { list-style: none; display: grid; grid-template-columns: 1fr 1fr; gap: 12px; margin: 24px 0; padding: 0; }
li { display: grid; }
button { font: inherit; color: inherit; cursor: pointer; }
.person {
  display: grid; grid-template-columns: auto 1fr; column-gap: 14px; align-content: start; text-align: left;
  padding: 16px; background: var(--raised); border: 1px solid var(--line); border-radius: 14px;
}
.person:hover { border-color: var(--face); box-shadow: inset 0 0 0 1px var(--face); }
.face { display: grid; place-items: center; width: 48px; height: 48px; border-radius: 50%; background: var(--face); color: var(--on-face); font-weight: 700; grid-row: span 2; align-self: start; }
.name { display: block; font-weight: 650; font-size: 17px; line-height: 1.35; }
.role { display: block; color: var(--face); font-weight: 600; font-size: 14px; }
.hint { grid-column: 2; color: var(--soft); font-size: 14px; line-height: 1.4; margin-top: 2px; }
.ana { --face: var(--ana); } .ben { --face: var(--ben); } .carol { --face: var(--carol); } .dan { --face: var(--dan); } .eva { --face: var(--eva); }
.person:not(.ana, .ben, .carol, .dan, .eva) { --face: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.plain { background: none; border: 0; padding: 6px 0; color: var(--soft); text-decoration: underline; text-underline-offset: 3px; }
.plain:hover { color: var(--text); }
.main { background: var(--accent); color: var(--on-accent); border: 0; border-radius: 10px; padding: 12px 22px; font-weight: 650; }
.main:hover { filter: brightness(1.08); }
.passkey { width: 100%; margin-top: 12px; }
.note { border-left: 3px solid var(--accent); padding: 2px 0 2px 12px; margin: 16px 0 0; }
.row { display: flex; flex-wrap: wrap; gap: 8px 20px; align-items: center; justify-content: space-between; margin-top: 20px; }
.row p { margin: 0; font-size: 14px; }
form { margin: 0; }
input[type=text] {
  width: 100%; margin: 16px 0 0; padding: 14px; font: 600 24px/1.2 ui-monospace, 'Cascadia Code', Menlo, monospace; letter-spacing: .12em;
  text-align: center; text-transform: uppercase; color: var(--text); background: var(--page); border: 1px solid var(--line); border-radius: 12px;
}
input::placeholder { font-size: 16px; font-weight: 400; letter-spacing: 0; text-transform: none; color: var(--soft); }
code { display: block; margin: 16px 0; padding: 14px; text-align: center; font: 600 28px/1.2 ui-monospace, 'Cascadia Code', Menlo, monospace; letter-spacing: .12em; background: var(--page); border: 1px solid var(--line); border-radius: 12px; }
.phone { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; justify-content: space-between; margin: 20px 0 0; padding: 12px 16px; background: var(--raised); border: 1px dashed var(--line); border-radius: 14px; }
.phone span { font-size: 14px; }
.phone output { font: 650 24px/1.2 ui-monospace, 'Cascadia Code', Menlo, monospace; letter-spacing: .08em; color: var(--text); }
.plains { display: flex; flex-wrap: wrap; gap: 8px 20px; }
pre { margin: 0 0 16px; padding: 14px 16px; overflow-x: auto; background: var(--page); border: 1px solid var(--line); border-radius: 12px; font: 13px/1.55 ui-monospace, 'Cascadia Code', Menlo, monospace; }
kbd { padding: 1px 5px; background: var(--page); border: 1px solid var(--line); border-radius: 5px; color: var(--text); font: .875em ui-monospace, 'Cascadia Code', Menlo, monospace; }
strong { color: var(--text); }
a { color: var(--accent); text-underline-offset: 3px; }
.mail { margin: 20px 0 0; padding: 16px 18px; background: var(--raised); border: 1px solid var(--line); border-left: 4px solid var(--face, var(--accent)); border-radius: 14px; overflow-wrap: anywhere; }
.mail h2 { margin: 0; font-size: 17px; line-height: 1.35; }
.mail p { font-size: 14px; }
.mail .text { white-space: pre-wrap; }
@media (max-width: 560px) {
  main { padding: 24px 20px; border-radius: 16px; }
  ul { grid-template-columns: 1fr; gap: 10px; margin: 20px 0; }
  h1 { font-size: 24px; }
}
@media (forced-colors: active) { .face { border: 1px solid; } }
`;
