package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"reprise/base"
	"reprise/checkpoint"
	"reprise/eval"
	"reprise/model"
	"reprise/weights"
)

type interpolateCmd struct {
	Base      string   `required:"" help:"Base model directory, θ0." placeholder:"DIR"`
	Model     string   `required:"" help:"Directory of a model that was trained from it, θ." placeholder:"DIR"`
	Alpha     string   `required:"" help:"Share of the way from the base model (0) to the trained model (1): the weights are θ0 + α·(θ − θ0). One value, several (0.25,0.5), or FROM:TO:STEP." placeholder:"A"`
	Out       string   `help:"Directory to write the mixture into, for one α." placeholder:"DIR"`
	DType     string   `name:"dtype" help:"Type of the written weights: f32, bf16 or f16; empty: that of the two models, and f32 where it differs."`
	Data      []string `sep:"none" help:"NAME=FILE, NAME=FILE:choice or NAME=FILE:match to measure every mixture on; may be given several times." placeholder:"NAME=FILE"`
	MaxSeqLen int      `help:"Longest sequence in tokens; 0: the model's number of positions."`
	JSON      bool     `name:"json" help:"Print one JSON object."`

	Reading readingFlags `embed:""`
}

// mixture is what was measured at one α.
type mixture struct {
	Alpha   float64       `json:"alpha"`
	Results []eval.Result `json:"results"`
}

// writtenModel is the model that was written.
type writtenModel struct {
	Out    string  `json:"out"`
	Alpha  float64 `json:"alpha"`
	SHA256 string  `json:"sha256"` // as train prints it
}

func (c *interpolateCmd) Run(a *app) error {
	alphas, err := parseAlphas(c.Alpha)
	if err != nil {
		return err
	}
	switch {
	case c.Out == "" && len(c.Data) == 0:
		return errors.New("interpolate: nothing to do: give --out DIR to write the mixture, --data NAME=FILE to measure it, or both")
	case c.Out != "" && len(alphas) > 1:
		return fmt.Errorf("interpolate: --out takes one α, and --alpha %s are %d; measure them with --data, then write the best", c.Alpha, len(alphas))
	case c.Out == "" && c.DType != "":
		return errors.New("interpolate: --dtype is the type of the written weights; give --out DIR too")
	}
	var opt checkpoint.SaveOptions
	if c.DType != "" {
		if opt.DType, err = checkpoint.ParseDType(c.DType); err != nil {
			return err
		}
	}
	sets, err := evalSets(c.Data)
	if err != nil {
		return err
	}
	from, err := checkpoint.OpenStored(c.Base)
	if err != nil {
		return err
	}
	defer from.Close()
	now, err := checkpoint.OpenStored(c.Model)
	if err != nil {
		return err
	}
	defer now.Close()
	if err := weights.Fit(from, now); err != nil {
		return err
	}
	var w *writtenModel
	if c.Out != "" {
		if err := weights.Save(c.Out, from, now, alphas[0], opt); err != nil {
			return err
		}
		w = &writtenModel{Out: c.Out, Alpha: alphas[0]}
		if w.SHA256, err = storedSHA256(c.Out); err != nil {
			return err
		}
		if !c.JSON {
			a.printf("%s: α %g, %s, SHA-256 %s\n", w.Out, w.Alpha, now.Outline.Config, w.SHA256)
		}
	}
	list := []mixture{}
	if len(sets) > 0 {
		if list, err = c.measure(a, sets, alphas, from, now); err != nil {
			return err
		}
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(struct {
			Written  *writtenModel `json:"written,omitempty"`
			Mixtures []mixture     `json:"mixtures"`
		}{w, list})
	}
	return nil
}

// parseAlphas reads the values of --alpha.
func parseAlphas(text string) ([]float64, error) {
	bad := fmt.Errorf("interpolate: --alpha %q: want a number from 0 to 1, several with commas, or FROM:TO:STEP such as 0:1:0.25", text)
	var list []float64
	for part := range strings.SplitSeq(text, ",") {
		var numbers []float64
		for word := range strings.SplitSeq(part, ":") {
			x, err := strconv.ParseFloat(word, 64)
			if err != nil {
				return nil, bad
			}
			numbers = append(numbers, x)
		}
		switch {
		case len(numbers) == 1 && numbers[0] >= 0 && numbers[0] <= 1:
			list = append(list, numbers[0])
		case len(numbers) == 3:
			curve, err := weights.Curve(numbers[0], numbers[1], numbers[2])
			if err != nil {
				return nil, fmt.Errorf("interpolate: --alpha: %w", err)
			}
			list = append(list, curve...)
		default:
			return nil, bad
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// storedSHA256 is checkpoint.TensorSHA256 of the model in a directory, which it reads again.
func storedSHA256(dir string) (string, error) {
	s, err := checkpoint.OpenStored(dir)
	if err != nil {
		return "", err
	}
	defer s.Close()
	return s.SHA256()
}

// measure evaluates the mixtures on the sets. What was written is measured as it was rounded for the file; other mixtures are in
// float32.
func (c *interpolateCmd) measure(a *app, sets []eval.Set, alphas []float64, from, now *checkpoint.Stored) ([]mixture, error) {
	first, err := base.Open(c.Base)
	if err != nil {
		return nil, err
	}
	if err := a.checkSeqLen(c.MaxSeqLen, first.Model.Config.MaxPositions); err != nil {
		return nil, fmt.Errorf("interpolate: %w", err)
	}
	mixed := model.New(now.Outline.Config)
	if c.Out != "" {
		written, err := base.Open(c.Out)
		if err != nil {
			return nil, err
		}
		mixed = written.Model
	}
	e := &eval.Evaluator{Model: mixed, Pool: a.pool(), Tokenizer: first.Tokenizer, Base: first.Model, MaxSeqLen: c.MaxSeqLen, Reading: c.Reading.reading()}
	var list []mixture
	for _, alpha := range alphas {
		if c.Out == "" {
			if err := weights.Blend(mixed, from.Reader(), now.Reader(), alpha); err != nil {
				return nil, err
			}
		}
		m := mixture{Alpha: alpha}
		for _, s := range sets {
			r, err := e.Run(a.ctx, s)
			if err != nil {
				return nil, err
			}
			for _, text := range r.Notices {
				if len(list) == 0 { // the files are the same for every α
					a.note("notice: %s: %s", s.Name, text)
				}
			}
			m.Results = append(m.Results, r)
		}
		list = append(list, m)
	}
	if !c.JSON {
		a.printMixtures(list)
	}
	return list, nil
}

// printMixtures prints one line for every α.
func (a *app) printMixtures(list []mixture) {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(first string, cells func(r eval.Result) []string, results []eval.Result) {
		fmt.Fprintf(w, "%s\t", first)
		for _, r := range results {
			for _, cell := range cells(r) {
				fmt.Fprintf(w, "%s\t", cell)
			}
		}
		fmt.Fprintln(w)
	}
	line("alpha", func(r eval.Result) []string {
		switch r.Task {
		case eval.Choice:
			return []string{r.Name + " right", "KL"}
		case eval.Match:
			return []string{r.Name + " exact"}
		}
		return []string{r.Name, "KL"}
	}, list[0].Results)
	for _, m := range list {
		line(strconv.FormatFloat(m.Alpha, 'g', -1, 64), func(r eval.Result) []string {
			if r.Task == eval.Match {
				return []string{percent(r)}
			}
			what := percent(r)
			if r.Task == eval.Loss {
				what = fmt.Sprintf("%.4f", *r.Loss)
			}
			return []string{what, fmt.Sprintf("%.5f", r.Drift.MeanKL)}
		}, m.Results)
	}
	w.Flush()
	a.printf("Losses are full cross-entropy in nats per token; KL is KL(base ‖ mixture) on the same positions.\n")
}

// percent is the share of right answers.
func percent(r eval.Result) string {
	if r.Correct == nil || r.Total == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*float64(*r.Correct)/float64(r.Total))
}
