/** Readable from 390 px on; follows the reader's choice of light or dark. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--text:#1a1a1a;--soft:#5a5a5a;--line:#d8d8d8;--back:#fff;
--box:#f6f6f6}
@media(prefers-color-scheme:dark){:root{--text:#eaeaea;--soft:#a8a8a8;--line:#3a3a3a;--back:#16181b;
--box:#202327}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:1200px;margin:0 auto;padding:16px}
h1{font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2rem 0 .5rem}
.lead{color:var(--soft)}
.labels{background:#fff3cd;color:#5c4400;border-radius:6px;padding:10px 10px 10px 30px}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid var(--line);white-space:nowrap}
tr.noise td{color:var(--soft)}
tr.clear td:last-child{font-weight:600}
pre{background:var(--box);padding:12px;border-radius:6px;overflow:auto;max-height:420px;
font-size:.8125rem}
#command{white-space:pre-wrap;overflow-wrap:anywhere}
#charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:24px;
margin-top:24px}
.chart{min-width:0}
.chart h3{font-size:.95rem;margin:0 0 4px}
.u-legend{font-size:.8125rem;text-align:left}
`;
