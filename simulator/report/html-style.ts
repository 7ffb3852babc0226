// How the page looks: one column, system fonts, figures of equal width, few colours, each with one meaning. Light and
// dark by the reader's preference; always light on paper.

const LIGHT = `--paper:#fff;--panel:#f6f7f9;--ink:#1c232b;--soft:#5d6873;--rule:#dde1e6;--grid:#e9ecef;
--grey:#a9b4c0;--blue:#2563b8;--green:#11875d;--red:#c62f35;--amber:#b26a00;--violet:#9a57b8;
--fault:rgba(214,72,60,.13);--fault-edge:#d6483c;--pass:#11875d;--fail:#c62f35;--open:#a06200`;

const DARK = `--paper:#14181d;--panel:#1c2229;--ink:#dfe4ea;--soft:#94a0ad;--rule:#2f3841;--grid:#252c34;
--grey:#66727f;--blue:#6aa5f0;--green:#45c394;--red:#f0726f;--amber:#e0a044;--violet:#c792e0;
--fault:rgba(240,100,90,.16);--fault-edge:#e5675e;--pass:#45c394;--fail:#f0726f;--open:#e0a044`;

export const STYLE = `
:root{color-scheme:light dark;${LIGHT}}
@media screen and (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
main{max-width:1080px;margin:0 auto;padding:28px 24px 56px}
h1{font-size:24px;line-height:1.25;margin:2px 0 4px;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:15px;margin:34px 0 10px;font-weight:650}
p{margin:4px 0}
.soft,.note,.sub{color:var(--soft)}
code,pre{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.verdict{border-left:5px solid var(--state);padding:2px 0 2px 16px}
.verdict .word{color:var(--state);font-weight:700;letter-spacing:.02em}
.verdict .sentence{font-size:17px;margin:0 0 6px}
.verdict .unverified{color:var(--state);font-weight:600}
.pass,.ok{--state:var(--pass)}.fail,.failed{--state:var(--fail)}
.inconclusive,.open{--state:var(--open)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:1px;background:var(--rule);
border:1px solid var(--rule);border-radius:6px;overflow:hidden;margin:24px 0 0}
.tile{background:var(--paper);padding:10px 12px 9px}
.tile .name{font-size:12px;color:var(--soft)}
.tile .figure{font-size:21px;font-weight:600;letter-spacing:-.01em;line-height:1.3;white-space:nowrap}
.tile .sub{font-size:12px;line-height:1.35}
.tile.wrong .figure{color:var(--fail)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:5px 14px 5px 0;border-bottom:1px solid var(--rule);vertical-align:top}
th{font-weight:500;color:var(--soft);font-size:12px;white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}
td:last-child,th:last-child{padding-right:0}
.checks td.wanted,.checks td:first-child{white-space:nowrap}
.checks td:first-child{width:1%}
.state{color:var(--state);font-weight:650}
.bad{color:var(--fail);font-weight:600}
.chart{margin:0 0 20px;break-inside:avoid}
figcaption{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 10px;margin-bottom:3px}
.note{font-size:12px}
.legend{margin-left:auto;display:flex;flex-wrap:wrap;gap:0 16px;font-size:12.5px}
.key{white-space:nowrap}
.key i{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle;
background:var(--hue)}
.key output{display:inline-block;min-width:5.5em;color:var(--soft)}
.grey{--hue:var(--grey)}.blue{--hue:var(--blue)}.green{--hue:var(--green)}.red{--hue:var(--red)}
.amber{--hue:var(--amber)}.violet{--hue:var(--violet)}
.frame{padding-left:52px}
.names{position:relative;height:16px;font-size:11px;line-height:16px}
.names span{position:absolute;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;padding-left:4px;
border-left:1px solid var(--rule)}
.names .phase{color:var(--soft)}
.names .fault{color:var(--fault-edge);border-color:var(--fault-edge)}
.names .last{border-left:0;border-right:1px solid var(--fault-edge);padding:0 4px 0 0}
.plot{position:relative;height:150px;border-bottom:1px solid var(--rule);touch-action:pan-y;cursor:crosshair}
.plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.plot svg *{vector-effect:non-scaling-stroke}
.grid{stroke:var(--grid);stroke-width:1}
line.phase{stroke:var(--rule);stroke-width:1;stroke-dasharray:3 3}
rect.fault{fill:var(--fault)}
line.fault{stroke:var(--fault-edge);stroke-width:1.5}
.line{fill:none;stroke:var(--hue);stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}
.line.grey{stroke-width:4;opacity:.75}
.value{position:absolute;left:-52px;width:46px;text-align:right;font-size:11px;line-height:14px;
margin-bottom:-7px;color:var(--soft);white-space:nowrap}
.time{position:relative;height:18px;font-size:11px;line-height:18px;color:var(--soft)}
.time span{position:absolute;transform:translateX(-50%);white-space:nowrap}
.cursor{position:absolute;top:0;bottom:0;width:0;border-left:1px solid var(--ink);pointer-events:none}
.cursor span{position:absolute;top:0;left:3px;font-size:11px;background:var(--paper);padding:0 3px;border-radius:2px}
.cursor.left span{left:auto;right:4px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 18px;margin:0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
dl.counts{grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:0 28px}
dl.counts div{display:flex;justify-content:space-between;border-bottom:1px solid var(--grid);padding:3px 0}
pre{background:var(--panel);border-radius:6px;padding:12px 14px;overflow-x:auto;margin:8px 0}
ul{margin:4px 0;padding-left:20px}
.examples dd{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:12.5px}
summary{cursor:pointer}
footer{margin-top:36px;font-size:12px;color:var(--soft)}
@media (max-width:640px){main{padding:18px 14px 40px}h1{font-size:20px}.legend{margin-left:0;width:100%}
.tiles{grid-template-columns:repeat(2,1fr)}.tile .figure{font-size:18px}.time span:nth-child(even){display:none}
.frame{padding-left:46px}.value{left:-46px;width:41px}.plot{height:130px}dl{grid-template-columns:1fr}
dl dt{margin-top:5px}
th,td{padding-right:9px}}
@media print{:root{color-scheme:light;${LIGHT}}body{font-size:11px}main{max-width:none;padding:0}
.scroll{overflow:visible}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}h2{break-after:avoid}
.plot{height:110px}tr,.tile{break-inside:avoid}}
`;
