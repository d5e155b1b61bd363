/** The page's whole style. `--s0` … `--s7` are the colours of models and runs; s0, grey, is what others are held against. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1b2330; --soft: #5f6b7c; --line: #e2e6ec; --wash: #f1f4f8;
  --good: #15803d; --bad: #c2303a; --warn: #9a6700;
  --s0: #8a94a3; --s1: #2563eb; --s2: #e07a10; --s3: #0f9d76; --s4: #a23bc4; --s5: #c2303a; --s6: #0e8fb3; --s7: #7a6a1e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10141a; --card: #181e27; --ink: #e6eaf0; --soft: #94a1b3; --line: #2a323e; --wash: #1f2732;
    --good: #4cc47a; --bad: #f2747c; --warn: #e0b04a;
    --s0: #8792a2; --s1: #6ea0ff; --s2: #ffa44d; --s3: #3fd0a4; --s4: #d084ee; --s5: #ff8189; --s6: #4fc6e6; --s7: #cdbb5e;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 20px 64px; }
h1 { font-size: 28px; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 6px; }
h2 { font-size: 19px; letter-spacing: -0.01em; margin: 44px 0 14px; }
h3 { font-size: 14px; margin: 0 0 8px; }
p { margin: 0 0 10px; }
.soft { color: var(--soft); }
.small { font-size: 13px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; }
.grid { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(290px, 1fr)); }
.stack > *, .grid > *, .answers > * { min-width: 0; }
.wide { grid-column: 1 / -1; }
.tiles { display: grid; gap: 14px; grid-template-columns: repeat(auto-fit, minmax(290px, 1fr)); margin-top: 22px; }
.tile .value { font-size: 22px; white-space: nowrap; font-weight: 640; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; line-height: 1.25; }
.tile .value .arrow { color: var(--soft); font-weight: 400; padding: 0 4px; font-size: 17px; }
.stack { display: grid; gap: 14px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin: 0 0 10px; }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
.badge { display: inline-block; border-radius: 99px; padding: 1px 9px; font-size: 12px; border: 1px solid currentColor; }
.finished { color: var(--good); } .interrupted { color: var(--warn); } .running { color: var(--s1); }
figure { margin: 0; }
figcaption { font-size: 13px; font-weight: 600; margin-bottom: 4px; display: flex; justify-content: space-between; gap: 8px; }
figcaption .last { font-weight: 400; color: var(--soft); font-variant-numeric: tabular-nums; }
svg.chart { display: block; width: 100%; height: auto; color: var(--soft); overflow: visible; font-size: 11px; }
svg.chart [aria-label*="grid"] { stroke: var(--line); stroke-opacity: 1; }
svg.chart [aria-label*="tick"][stroke], svg.chart [aria-label*="axis"][stroke] { stroke: var(--line); }
figure.scroll svg.chart { min-width: 620px; }
svg.chart text { font-variant-numeric: tabular-nums; white-space: pre; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 12px 7px 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; color: var(--soft); font-weight: 600; font-size: 13px; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
td .range { display: block; font-size: 12px; color: var(--soft); }
td.better { color: var(--good); font-weight: 600; } td.worse { color: var(--bad); font-weight: 600; }
td.better .range, td.worse .range { font-weight: 400; }
tr.mean td { border-top: 2px solid var(--line); font-weight: 600; }
tr.differs { background: var(--wash); }
code, pre, .text { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.prompt { background: var(--wash); border-radius: 7px; padding: 10px 12px; margin-bottom: 12px; }
.answers { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); }
.answer { border-top: 3px solid; padding-top: 8px; min-width: 0; }
.answer h3 { display: flex; justify-content: space-between; margin-bottom: 4px; }
.yes { color: var(--good); } .no { color: var(--bad); }
.notes li, .warnings li { margin-bottom: 4px; }
ul { margin: 0; padding-left: 20px; }
details > summary { cursor: pointer; font-weight: 600; }
details[open] > summary { margin-bottom: 10px; }
footer { margin-top: 48px; color: var(--soft); font-size: 13px; border-top: 1px solid var(--line); padding-top: 14px; }
@media print { body { background: #fff; } .card { break-inside: avoid; } }
`
