package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"reprise/internal/build"
)

func sample() *Comparison {
	point := func(lr, gain, forget float64) LRPoint {
		s := func(x float64) Spread { return Spread{Mean: x, SD: 0.01, N: 2} }
		return LRPoint{LR: lr, Choose: s(4 - gain), Loss: s(4 - gain), Gain: s(gain), Forget: s(forget), KL: s(0.1), Seeds: []Seed{{Seed: 1, Gain: gain, Forget: forget}}}
	}
	equal := Spread{Mean: 0.3, SD: 0.02, N: 2}
	return &Comparison{
		Title: "A <b>title</b>", Domain: "d & d", General: []string{"g"}, Seeds: []uint64{1, 2}, Reference: "full", BaseDomain: 4, BaseGeneral: []float64{1.5},
		Methods: []Method{
			{Name: "full", LRs: []LRPoint{point(1e-4, 0.5, 0.1), point(1e-3, 1.5, 0.6)}, Best: 1, Edge: true, AtEqual: &equal, Cost: Cost{Train: 10}},
			{Name: "replay", Note: "<i>", LRs: []LRPoint{point(1e-3, 1, 0.4)}, Best: 0, Cost: Cost{Stage0: 3, Train: 5}, Verdict: &Verdict{ForgetWhy: "a < b"}},
			{Name: "ruined", LRs: []LRPoint{{LR: 1, Failed: 2}}, Best: -1},
		},
	}
}

// wellFormed parses a page as XML after closing its few void tags, so that an unclosed tag or a bad attribute fails the
// test.
func wellFormed(t *testing.T, page []byte) {
	t.Helper()
	text := regexp.MustCompile(`<(meta [^>]*)>`).ReplaceAllString(string(page), "<$1/>")
	text = regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAllString(text, "")
	d := xml.NewDecoder(strings.NewReader(text))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"NaN", "Inf", "%!", "http:", "https:", "<script", "url(h"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
}

func TestComparisonPage(t *testing.T) {
	c := sample()
	c.AtGain = 1.2
	page := c.Page()
	wellFormed(t, page)
	for _, want := range []string{"A &lt;b&gt;title", "d &amp; d", "never gains so much", "diverged at every learning rate", "a &lt; b", ">edge<", "<svg"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(string(page), "own text") {
		t.Error("the page has a column for what no method has")
	}
	c.Methods[0].LRs[1].Gauge = &Spread{Mean: 0.0625, SD: 0.002, N: 2}
	gauged := c.Page()
	wellFormed(t, gauged)
	for _, want := range []string{"KL on its own text", `<td>0.062 <span class="soft">±0.002</span></td>`, `colspan="11"`} {
		if !strings.Contains(string(gauged), want) {
			t.Errorf("the page with the gauge lacks %q", want)
		}
	}
	if rows, cells := strings.Count(string(gauged), "<td>"), strings.Count(string(page), "<td>"); rows != cells+2 {
		t.Errorf("%d cells, want those of the other page, %d, and one for each of two methods", rows, cells)
	}
	if strings.Contains(string(page), "put together by") {
		t.Error("the page names a program, though the results do not")
	}
	wellFormed(t, (&Comparison{}).Page()) // nothing run yet
	by := build.Get()
	by.Processor = "A < B"
	c.Build = &by
	page = c.Page()
	wellFormed(t, page)
	if want := "put together by reprise " + by.Source() + " ("; !strings.Contains(string(page), want) || !strings.Contains(string(page), "A &lt; B).") {
		t.Errorf("the page lacks %q or the processor", want)
	}
}

// TestRunPageNamesTheProgram: run.json says what began the run. The page does without one, with an old one and with a broken one.
func TestRunPageNamesTheProgram(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		`{"go":"go1.26.8","tier":"avx2"}`:   "",
		`{"version":5}`:                     "",
		`{"version":"v0.1.0","commit":"abc`: "",
		`{"version":"v0.1.0","commit":"abcd","modified":true,"go":"go1.26.8","os":"linux","arch":"arm64","tier":"neon","processor":"<A>","contract":7}`: "" +
			"The run was begun by reprise v0.1.0, commit abcd, modified (go1.26.8 linux/arm64, tier neon, contract 7, &lt;A&gt;).",
	} {
		dir := t.TempDir()
		files := map[string]string{MetricsFile: `{"step":1,"steps":1,"loss_full":2,"tokens":10}`}
		if text != "" {
			files[InfoFile] = text
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		page, err := Page(dir)
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, page)
		if got := strings.Contains(string(page), "begun by"); got != (want != "") || !strings.Contains(string(page), want) {
			t.Errorf("run.json %s: begun by: %v, want %q", text, got, want)
		}
	}
}

// TestResultsOfAnotherProgram: other programs also call their files results.json.
func TestResultsOfAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{`{"results":{"arc":0.3}}`: "methods: none", `{"methods":[{"name":"a","best":3}]}`: "methods: a: best: 3", `[]`: "results.json"} {
		if err := os.WriteFile(filepath.Join(dir, ResultsFile), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Page(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", text, err, want)
		}
	}
}

func TestRunPage(t *testing.T) {
	dir := t.TempDir()
	lines := `{"step":0,"steps":3,"forgetting":{"kl":-0.0001,"se":0.0002,"packs":4},"rho":0.04,"rho_p95":0.2,"eval":[{"name":"x<y","task":"loss","loss":2},{"name":"quiz","task":"choice","correct":1,"total":4}]}
{"step":1,"steps":3,"loss_replay":3,"lr":0.1,"grad_norm":2,"tokens":10,"seconds":0.5,"kl":0.1}
{"step":2,"steps":3,"loss_replay":2.5,"lr":0.1,"grad_norm":1,"tokens":10,"seconds":1,"refreshed":"domain-000001.replay","warning":"mind <this>"}
{"step":3,"steps":3,"loss_replay":2,"tokens":10,"seconds":2,"forgetting":{"kl":0.0625,"se":0.003,"packs":4},"rho":0.3,"groups":[{"name":"mlp","phi":[40,50,60,70,80],"capped":0.5,"update_rms":0.4,"weight_norm":3}],"eval":[{"name":"x<y","task":"loss","loss":1},{"name":"quiz","task":"choice","correct":3,"total":4}]}
`
	if err := os.WriteFile(filepath.Join(dir, MetricsFile), []byte(lines), 0o666); err != nil {
		t.Fatal(err)
	}
	page, err := Page(dir)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, page)
	t.Chdir(dir)
	here, err := Page(".")
	if err != nil || !strings.Contains(string(here), filepath.Base(dir)) {
		t.Errorf("the page of the directory itself does not name it (%v)", err)
	}
	for _, want := range []string{"not a full cross-entropy", "x&lt;y", "mind &lt;this&gt;", "made again before step 2", "φ (degrees)", "25.0 → 75.0 %", "quiz, choice", "-0.0001 → 0.0625", "forgetting, step 3: 0.0625"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, MetricsFile), []byte("{\"step\":0}\n{"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Page(dir); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("broken metrics: %v, want an error that names line 2", err)
	}
	if _, err := Page(t.TempDir()); err == nil || !strings.Contains(err.Error(), "neither") {
		t.Errorf("an empty directory: %v", err)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		n      int
	}{{0, 1, 5}, {-3.2, 4.1, 7}, {0.0011, 0.0014, 6}, {0, 120, 9}, {1e6, 5e6, 5}, {0, 2.1, 9}, {0, 2.5, 10}, {0, 0, 5}} {
		s := scale{lo: c.lo, hi: c.hi, a: 0, b: 100}
		ticks := s.ticks(c.n)
		if c.hi == c.lo {
			if len(ticks) != 0 {
				t.Errorf("an empty axis has ticks %v", ticks)
			}
			continue
		}
		if len(ticks) < c.n/3 || len(ticks) > c.n+1 {
			t.Errorf("%g to %g: %d ticks, want about %d: %v", c.lo, c.hi, len(ticks), c.n, ticks)
		}
		for _, x := range ticks {
			if x < c.lo-1e-12 || x > c.hi+1e-12 || math.Abs(s.at(x)) > 101 {
				t.Errorf("%g to %g: tick %g", c.lo, c.hi, x)
			}
		}
	}
	for x, want := range map[float64]string{0: "0", 0.0003: "0.0003", 0.00002: "2e-5", 0.001: "0.001", 1e6: "1e6", 12.3456789: "12.35", -0.5: "-0.5"} {
		if got := number(x); got != want {
			t.Errorf("number %g: %q, want %q", x, got, want)
		}
	}
}

// TestNamesFit: long names of methods, and a method that got worse than the base model, stay inside the drawings.
func TestNamesFit(t *testing.T) {
	c := sample()
	c.AtGain = 0.9
	c.Methods[0].Name = "replay-moclip-tail-frequency-128-wide"
	c.Methods[1].LRs[0].Gain.Mean, c.Methods[1].LRs[0].Forget.Mean = -2, 0.5
	page := string(c.Page())
	const perCharacter = 7
	for _, m := range regexp.MustCompile(`<text x="([-0-9.]+)" y="[^"]*" text-anchor="(start|end)" class="">([^<]*)<`).FindAllStringSubmatch(page, -1) {
		x, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		if width := perCharacter * float64(len(m[3])); m[2] == "end" && x < width || m[2] == "start" && x+width > 1040 {
			t.Errorf("%q at %g (%s) is cut off", m[3], x, m[2])
		}
	}
	for _, m := range regexp.MustCompile(`<path d="M([-0-9.]+) [^"]*H[^"]*" fill="none"`).FindAllStringSubmatch(page, -1) {
		if x, _ := strconv.ParseFloat(m[1], 64); x < 64 {
			t.Errorf("a line to a name begins at %g, outside the axes", x)
		}
	}
}

// TestWhyNotReached: the page does not say that a method gains too little if it gains enough on average, but not with every
// seed.
func TestWhyNotReached(t *testing.T) {
	c := sample()
	for gain, want := range map[float64]string{0.9: "not every seed gains so much (on average 1.000)", 1.1: "never gains so much (at best 1.000)", -0.1: "the reference gains nothing"} {
		c.AtGain = gain
		if got := c.notReached(&c.Methods[1]); got != want {
			t.Errorf("at %g: %q, want %q", gain, got, want)
		}
	}
}

// TestSeriesAreToldApart: ten series differ in their markers, thirty in marker or colour.
func TestSeriesAreToldApart(t *testing.T) {
	looks := map[string]int{}
	for i := range 30 {
		mark := regexp.MustCompile(`d="([^"]*)" fill="([^"]*)"`).FindStringSubmatch(key(i, "x"))
		if i < 10 {
			mark[2] = "" // for a reader who sees no colours
		}
		look := mark[1] + mark[2]
		if k, ok := looks[look]; ok {
			t.Errorf("series %d looks like series %d", i, k)
		}
		looks[look] = i
	}
}

// TestOneSeed: no deviation is shown for one seed.
func TestOneSeed(t *testing.T) {
	c := sample()
	for i := range c.Methods {
		for k := range c.Methods[i].LRs {
			p := &c.Methods[i].LRs[k]
			for _, s := range []*Spread{&p.Choose, &p.Loss, &p.Gain, &p.Forget, &p.KL} {
				s.N, s.SD = min(s.N, 1), 0
			}
		}
	}
	*c.Methods[0].AtEqual = Spread{Mean: 0.3, N: 1}
	c.Seeds = c.Seeds[:1]
	page := string(c.Page())
	if strings.Contains(page, "± 0.0000") || strings.Contains(page, "±0.000") {
		t.Error("a deviation of one seed")
	}
	if !strings.Contains(page, "one seed only") || strings.Contains(page, "], all seeds agree") || strings.Contains(page, "], seeds disagree") {
		t.Error("one seed agrees with itself")
	}
}
