package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"path/filepath"
	"strings"

	"reprise/internal/build"
	"reprise/internal/hub"
)

// Names of the files in a directory.
const (
	ResultsFile = "results.json"  // of a comparison
	MetricsFile = "metrics.jsonl" // of a run
	InfoFile    = "run.json"      // of a run: the program that ran
	PageFile    = "report.html"
)

// Page makes the page of a directory, of a comparison or of a run.
func Page(dir string) ([]byte, error) {
	c, err := readComparison(dir)
	if err == nil {
		return c.Page(), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r, err := readRun(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("report: %s is neither a comparison (%s) nor a run directory (%s)", dir, ResultsFile, MetricsFile)
	}
	if err != nil {
		return nil, err
	}
	return r.page(), nil
}

// Drawing is a picture as a file of its own.
type Drawing struct {
	Name string // of the file
	SVG  []byte
}

// Drawings makes those pictures of a comparison's page that name the methods in the picture itself.
func Drawings(dir string) ([]Drawing, error) {
	c, err := readComparison(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("report: %s is not a comparison (%s); only those have drawings of their own", dir, ResultsFile)
	}
	if err != nil {
		return nil, err
	}
	return []Drawing{
		{"pareto.svg", standalone(c.pareto())},
		{"equal-gain.svg", standalone(c.equalGain())},
		{"cost.svg", standalone(c.costs())},
	}, nil
}

// standalone adds the namespace and the styles that a picture of a page needs outside the page.
func standalone(svg string) []byte {
	svg = strings.Replace(svg, "<svg ", `<svg xmlns="http://www.w3.org/2000/svg" `, 1)
	return []byte(strings.Replace(svg, "\n", "\n<style>"+themes+"svg{font-family:sans-serif;background:var(--card)}"+drawingStyle+"</style>\n", 1))
}

// maxFile bounds the files that a page is made from, in bytes.
const maxFile = 256 << 20

func readComparison(dir string) (*Comparison, error) {
	path := filepath.Join(dir, ResultsFile)
	text, err := hub.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	var c Comparison
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("report: %s: %w", path, err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("report: %s: %w; it is written by: reprise compare", path, err)
	}
	return &c, nil
}

// check refuses a file that is not a comparison: results.json is a common name.
func (c *Comparison) check() error {
	if len(c.Methods) == 0 {
		return errors.New("methods: none")
	}
	for _, m := range c.Methods {
		if m.Best < -1 || m.Best >= len(m.LRs) {
			return fmt.Errorf("methods: %s: best: %d, want -1 to %d", m.Name, m.Best, len(m.LRs)-1)
		}
	}
	return nil
}

// themes are the colours, light and dark. The colours of series can be distinguished in both and, together with their
// markers, by most colour-blind readers.
const themes = `
:root{--bg:#fbfbf9;--card:#fff;--ink:#1b1e23;--soft:#5d6570;--line:#e3e4e0;--accent:#0b6e99;--good:#1a7f4b;--bad:#b3402a;
--c0:#2563a8;--c1:#d1571f;--c2:#1d8a60;--c3:#8a4fb0;--c4:#b8860b;--c5:#c2326f;--c6:#4a9ec9;--c7:#7a6a55;--c8:#6b8e23;--c9:#5b5fc7}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--card:#1c2026;--ink:#e8eaed;--soft:#9aa3ae;--line:#31363e;--accent:#63b7dd;--good:#5cc98f;--bad:#f08a73;
--c0:#6aa6ea;--c1:#f2915c;--c2:#58c99a;--c3:#c391e6;--c4:#e2b84a;--c5:#f07aa8;--c6:#8fd0f0;--c7:#c0ad94;--c8:#b0d05c;--c9:#a0a4ff}}
`

// drawingStyle is the look of drawings.
const drawingStyle = `
svg text{fill:var(--ink);font-size:12.5px}svg .tick{fill:var(--soft);font-size:11.5px;font-variant-numeric:tabular-nums}svg .title{fill:var(--soft);font-size:12.5px}
svg .grid{stroke:var(--line);stroke-width:1}svg .axis{stroke:var(--soft);stroke-width:1}svg .mark{stroke:var(--card);stroke-width:1}
svg .whisker{stroke-width:1.6}svg .note{fill:var(--soft);font-size:12px;font-style:italic}svg .ref{stroke:var(--soft);stroke-dasharray:4 4}
.series{transition:opacity .12s}svg:has(.series:hover) .series:not(:hover){opacity:.16}
`

// style is the look of every page.
const style = themes + drawingStyle + `
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
small{font-size:11.5px;padding-left:21px;display:inline-block}main{max-width:1180px;margin:0 auto;padding:36px 28px 72px}
h1{font-size:28px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}h2{font-size:19px;margin:44px 0 4px}
p{margin:6px 0 12px;max-width:78ch}.soft{color:var(--soft)}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:20px 0 8px}
.facts div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px 14px;min-width:96px}
.facts b{display:block;font-size:20px;font-weight:650;font-variant-numeric:tabular-nums}.facts span{color:var(--soft);font-size:12.5px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px;margin:12px 0;overflow-x:auto}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(430px,1fr));gap:14px}.two .card{margin:0}
svg{display:block;width:100%;height:auto;font-family:inherit}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:13px}
th{font-weight:600;text-align:right;color:var(--soft);font-size:12.5px;padding:6px 7px;border-bottom:1px solid var(--line);vertical-align:bottom}
td{text-align:right;padding:5px 7px;border-bottom:1px solid var(--line);white-space:nowrap}
td:first-child,th:first-child,td.l,th.l{text-align:left}td:first-child,td.l{white-space:normal}tr:last-child td{border-bottom:0}
.yes{color:var(--good);font-weight:650}.no{color:var(--bad)}.warn{border-left:4px solid var(--c4)}
.key{display:inline-flex;align-items:center;gap:7px}.key svg{width:14px;height:14px;flex:none}
ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:10px 0 0;padding:0;font-size:13px}
footer{margin-top:48px;color:var(--soft);font-size:12.5px}code{font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.92em}
@media print{body{background:#fff}.card{break-inside:avoid}}
`

// page wraps a body.
func page(title, body string) []byte {
	return []byte(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><title>` + html.EscapeString(title) + `</title><style>` + style + `</style></head>
<body><main>
` + body + `</main></body></html>
`)
}

// doc collects the body of a page.
type doc struct{ strings.Builder }

func (d *doc) add(format string, args ...any) { fmt.Fprintf(&d.Builder, format+"\n", args...) }

func (d *doc) heading(title, text string) {
	d.add("<h2>%s</h2>", html.EscapeString(title))
	if text != "" {
		d.add(`<p class="soft">%s</p>`, text)
	}
}

func (d *doc) card(content string) { d.add(`<div class="card">%s</div>`, content) }

// facts shows the most important numbers: pairs of value and label.
func (d *doc) facts(pairs ...string) {
	d.add(`<div class="facts">`)
	for i := 0; i+1 < len(pairs); i += 2 {
		d.add("<div><b>%s</b><span>%s</span></div>", html.EscapeString(pairs[i]), html.EscapeString(pairs[i+1]))
	}
	d.add("</div>")
}

// footer ends a page: where it comes from, and which program computed what it shows, if that is known.
func (d *doc) footer(source, verb string, by build.Info) {
	if by.Version != "" {
		source += " " + verb + " " + html.EscapeString(by.String()) + "."
	}
	d.add("<footer>%s</footer>", source)
}

// key is the marker of a series with its name.
func key(i int, name string) string {
	return fmt.Sprintf(`<span class="key"><svg viewBox="-7 -7 14 14" aria-hidden="true"><path d="%s" fill="%s"/></svg>%s</span>`,
		shape(i), colour(i), html.EscapeString(name))
}

// legend lists series by name.
func legend(names []string) string {
	var b strings.Builder
	b.WriteString(`<ul class="legend">`)
	for i, n := range names {
		b.WriteString("<li>" + key(i, n) + "</li>")
	}
	return b.String() + "</ul>"
}
