package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"path/filepath"
	"strings"

	"reprise/internal/build"
	"reprise/internal/hub"
)

// event has the fields of a line of metrics.jsonl that a page needs.
type event struct {
	Step       int      `json:"step"`
	Steps      int      `json:"steps"`
	LossReplay *float64 `json:"loss_replay"`
	LossFull   *float64 `json:"loss_full"`
	LR         float64  `json:"lr"`
	GradNorm   float64  `json:"grad_norm"`
	Tokens     int      `json:"tokens"`
	Seconds    float64  `json:"seconds"`
	KL         *float64 `json:"kl"`
	Rho        *float64 `json:"rho"`
	RhoP95     *float64 `json:"rho_p95"`
	Refreshed  string   `json:"refreshed"`
	Warning    string   `json:"warning"`
	Forgetting *struct {
		KL float64 `json:"kl"`
		SE float64 `json:"se"`
	} `json:"forgetting"`
	Eval []struct {
		Name    string   `json:"name"`
		Task    string   `json:"task"`
		Loss    *float64 `json:"loss"`
		Correct *int     `json:"correct"` // of tasks choice and match
		Total   int      `json:"total"`
	} `json:"eval"`
	Groups []struct {
		Name      string    `json:"name"`
		Phi       []float64 `json:"phi"`
		Capped    *float64  `json:"capped"`
		UpdateRMS *float64  `json:"update_rms"`
		Weight    float64   `json:"weight_norm"`
	} `json:"groups"`
}

// run is the contents of a run directory.
type run struct {
	dir    string
	recipe string
	began  build.Info // the program that began the run; without a version in directories of old programs
	events []event
}

func readRun(dir string) (*run, error) {
	path := filepath.Join(dir, MetricsFile)
	text, err := hub.Read(path, maxFile)
	if err != nil {
		return nil, err
	}
	r := &run{dir: dir}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<24)
	for n := 1; lines.Scan(); n++ {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("report: %s: line %d: %w", path, n, err)
		}
		r.events = append(r.events, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("report: %s: %w", path, err)
	}
	if len(r.events) == 0 {
		return nil, fmt.Errorf("report: %s is empty: the run has not begun", path)
	}
	if text, err := hub.Read(filepath.Join(dir, "recipe.yaml"), maxFile); err == nil {
		r.recipe = string(text)
	}
	// run.json may be missing or of another form: the page is about the metrics.
	if text, err := hub.Read(filepath.Join(dir, InfoFile), maxFile); err == nil && json.Unmarshal(text, &r.began) != nil {
		r.began = build.Info{}
	}
	return r, nil
}

// curve is a line over steps.
type curve struct {
	name  string
	x, y  []float64
	low   []float64 // band, may be nil
	high  []float64
	style string
}

func (c *curve) add(step int, y float64) { c.x, c.y = append(c.x, float64(step)), append(c.y, y) }

// plot draws curves over steps.
func plot(w, h float64, title string, curves []curve, marks []int) string {
	v := canvas{w: w, h: h}
	xs, ys := newSpan(), newSpan()
	xs.add(0)
	for _, c := range curves {
		xs.add(c.x...)
		ys.add(c.y...)
		ys.add(c.low...)
		ys.add(c.high...)
	}
	x, y := xs.linear(58, w-18), ys.linear(h-52, 34)
	v.frame(x, y, "step", title)
	for _, m := range marks {
		v.el(`<line class="ref" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"><title>record made again before step %d</title></line>`, x.at(float64(m)), y.a, x.at(float64(m)), y.b, m)
	}
	for i, c := range curves {
		v.el(`<g class="series">`)
		if c.low != nil {
			var d strings.Builder
			for k := range c.x {
				fmt.Fprintf(&d, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[k == 0], x.at(c.x[k]), y.at(c.high[k]))
			}
			for k := len(c.x) - 1; k >= 0; k-- {
				fmt.Fprintf(&d, "L%.1f %.1f", x.at(c.x[k]), y.at(c.low[k]))
			}
			v.el(`<path d="%sZ" fill="%s" fill-opacity=".14"/>`, d.String(), colour(i))
		}
		style := c.style
		if style == "" {
			style = `stroke-width="1.8" stroke-linejoin="round"`
		}
		v.line(i, c.x, c.y, x, y, style)
		if len(c.x) <= 40 {
			for k := range c.x {
				v.mark(i, x.at(c.x[k]), y.at(c.y[k]), 0.7, fmt.Sprintf("%s, step %.0f: %s", c.name, c.x[k], number(c.y[k])))
			}
		}
		v.el("</g>")
	}
	return v.svg(title)
}

func names(curves []curve) []string {
	var out []string
	for _, c := range curves {
		out = append(out, c.name)
	}
	return out
}

// smooth is a running mean over a window before each point.
func smooth(c curve, n int) curve {
	out := curve{name: fmt.Sprintf("mean of %d", n), x: c.x}
	var sum float64
	for i, y := range c.y {
		sum += y
		if i >= n {
			sum -= c.y[i-n]
		}
		out.y = append(out.y, sum/float64(min(i+1, n)))
	}
	return out
}

func (r *run) page() []byte {
	var d doc
	dir := r.dir
	if whole, err := filepath.Abs(dir); err == nil { // "." has a name too
		dir = whole
	}
	name := filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir)
	last := r.events[len(r.events)-1]
	var train, kl, rho, p95, lr, norm, forgetting curve
	loss := "loss_full"
	evals, answers := newFamily(), newFamily()
	var refreshed []int
	var warnings []string
	tokens := 0
	for _, e := range r.events {
		tokens += e.Tokens
		if e.LossReplay != nil {
			loss = "loss_replay"
			train.add(e.Step, *e.LossReplay)
		}
		if e.LossFull != nil {
			train.add(e.Step, *e.LossFull)
		}
		if e.KL != nil {
			kl.add(e.Step, *e.KL)
		}
		if e.Rho != nil {
			rho.add(e.Step, *e.Rho)
		}
		if e.RhoP95 != nil {
			p95.add(e.Step, *e.RhoP95)
		}
		if f := e.Forgetting; f != nil {
			forgetting.add(e.Step, f.KL)
			forgetting.low, forgetting.high = append(forgetting.low, f.KL-f.SE), append(forgetting.high, f.KL+f.SE)
		}
		if e.Step > 0 {
			lr.add(e.Step, e.LR)
			norm.add(e.Step, e.GradNorm)
		}
		if e.Refreshed != "" {
			refreshed = append(refreshed, e.Step)
		}
		if e.Warning != "" {
			warnings = append(warnings, fmt.Sprintf("step %d: %s", e.Step, e.Warning))
		}
		for _, s := range e.Eval {
			if s.Loss != nil {
				evals.get(s.Name).add(e.Step, *s.Loss)
			}
			if s.Correct != nil && s.Total > 0 {
				answers.get(s.Name+", "+s.Task).add(e.Step, 100*float64(*s.Correct)/float64(s.Total))
			}
		}
	}
	d.add("<h1>%s</h1>", html.EscapeString("Run "+name))
	facts := []string{fmt.Sprintf("%d of %d", last.Step, last.Steps), "steps", thousands(tokens), "tokens", fmt.Sprintf("%.1f s", last.Seconds), "of training"}
	if n := len(train.y); n > 0 {
		facts = append(facts, fmt.Sprintf("%.4f", train.y[n-1]), loss+", last step")
	}
	for _, c := range evals.curves {
		facts = append(facts, fmt.Sprintf("%.4f → %.4f", c.y[0], c.y[len(c.y)-1]), c.name+", loss_full")
	}
	for _, c := range answers.curves {
		facts = append(facts, fmt.Sprintf("%.1f → %.1f %%", c.y[0], c.y[len(c.y)-1]), c.name+", right")
	}
	if n := len(forgetting.y); n > 0 {
		facts = append(facts, fmt.Sprintf("%.4f → %.4f", forgetting.y[0], forgetting.y[n-1]), "forgetting, without other text")
	}
	if n := len(rho.y); n > 0 {
		facts = append(facts, fmt.Sprintf("%.3f → %.3f", rho.y[0], rho.y[n-1]), "ρ")
	}
	d.facts(facts...)
	if len(warnings) > 0 {
		d.add(`<div class="card warn"><b>Warnings</b><ul>`)
		for _, w := range warnings {
			d.add("<li>%s</li>", html.EscapeString(w))
		}
		d.add("</ul></div>")
	}
	if len(train.y) > 0 {
		what := "The batch's full cross-entropy."
		if loss == "loss_replay" {
			what = "The batch's replay loss: renormalised over the recorded ids and the tail. It is not a full cross-entropy and must not be compared with one."
		}
		d.heading("Training", what)
		train.name, train.style = loss, `stroke-width="1.2" stroke-opacity=".5"`
		lines := []curve{train, smooth(train, max(3, len(train.y)/25))}
		d.card(plot(1040, 340, loss+" (nats per target)", lines, refreshed) + legend(names(lines)))
	}
	if len(evals.curves) > 0 {
		d.heading("Held-out text", "Full cross-entropy, whatever the training loss was.")
		d.card(plot(1040, 360, "loss_full (nats per token)", evals.curves, refreshed) + legend(names(evals.curves)))
	}
	if len(forgetting.y) > 0 {
		d.heading("Forgetting, without other text", "KL(base‖now) on text that the base model wrote and that is held out, estimated from its recorded probabilities. The band is one standard error to each side.")
		forgetting.name = "forgetting"
		d.card(plot(1040, 300, "forgetting (nats per token)", []curve{forgetting}, nil))
	}
	if len(answers.curves) > 0 {
		d.heading("Answers", "Share of the questions answered right: multiple choice by log-likelihood, exact match of greedy completions.")
		d.card(plot(1040, 300, "right (%)", answers.curves, refreshed) + legend(names(answers.curves)))
	}
	if len(rho.y) > 0 {
		d.heading("How stale the record is", "ρ: probability that the model gives to ids that the record does not hold, measured exactly on a sample. full − replay = −log(1 − ρ). Dashed lines: the record was made again.")
		rho.name, p95.name = "mean", "95th percentile"
		lines := []curve{rho, p95}
		if len(p95.y) == 0 {
			lines = lines[:1]
		}
		d.card(plot(1040, 300, "ρ", lines, refreshed) + legend(names(lines)))
	}
	r.angles(&d)
	d.heading("The rest", "")
	d.add(`<div class="two">`)
	d.card(plot(510, 280, "learning rate", []curve{lr}, nil))
	d.card(plot(510, 280, "gradient norm before clipping", []curve{norm}, nil))
	if len(kl.y) > 0 {
		d.card(plot(510, 280, "KL(base‖now) of the batch, estimated", []curve{kl}, nil))
	}
	d.add("</div>")
	if r.recipe != "" {
		d.add(`<details><summary>recipe.yaml</summary><pre><code>%s</code></pre></details>`, html.EscapeString(r.recipe))
	}
	d.footer("Made by <code>reprise report</code> from metrics.jsonl in this directory.", "The run was begun by", r.began)
	return page("Run "+name, d.String())
}

// angles draws the groups of tensors: their angles, where the optimizer reports them, their updates and their weights.
func (r *run) angles(d *doc) {
	phi, rms, weight := newFamily(), newFamily(), newFamily()
	for _, e := range r.events {
		for _, g := range e.Groups {
			if len(g.Phi) == 5 {
				c := phi.get(g.Name)
				c.add(e.Step, g.Phi[2])
				c.low, c.high = append(c.low, g.Phi[0]), append(c.high, g.Phi[4])
			}
			if g.UpdateRMS != nil {
				rms.get(g.Name).add(e.Step, *g.UpdateRMS)
			}
			weight.get(g.Name).add(e.Step, g.Weight)
		}
	}
	if len(phi.curves) > 0 {
		d.heading("Angles between gradient and momentum", "Median over tensors and steps since the evaluation before, with the band from the 5th to the 95th percentile. MoClip acts above its Δ.")
		d.card(plot(1040, 340, "φ (degrees)", phi.curves, nil) + legend(names(phi.curves)))
	}
	if len(weight.curves) == 0 {
		return
	}
	d.heading("Updates and weights", "Root mean square of a step's change in units of the learning rate, and the norm of the weights relative to the first evaluation.")
	for i := range weight.curves {
		c := &weight.curves[i]
		first := c.y[0]
		for k := range c.y {
			c.y[k] /= math.Max(first, 1e-30)
		}
	}
	d.add(`<div class="two">`)
	if len(rms.curves) > 0 {
		d.card(plot(510, 300, "update RMS / learning rate", rms.curves, nil))
	}
	d.card(plot(510, 300, "weight norm, relative", weight.curves, nil))
	d.add("</div>")
	d.add("%s", legend(names(weight.curves)))
}

// family is a list of curves by name, in the order of their first appearance.
type family struct{ curves []curve }

func newFamily() *family { return &family{} }

func (f *family) get(name string) *curve {
	for i := range f.curves {
		if f.curves[i].name == name {
			return &f.curves[i]
		}
	}
	f.curves = append(f.curves, curve{name: name})
	return &f.curves[len(f.curves)-1]
}
