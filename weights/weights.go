package weights

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"reprise/checkpoint"
	"reprise/model"
	"reprise/optim"
	"reprise/tensor"
	"reprise/tokenizer"
)

// Reader gives weights in pieces. [checkpoint.Reader] reads those of a directory, [Copy] those of a model in memory.
type Reader interface {
	// Read fills dst with elements of the parameter of p's name, in row-major order, from number first on.
	Read(p *tensor.Param, first int, dst []float32) error
}

// copied holds weights by the names of their parameters.
type copied map[string][]float32

// Copy keeps the weights that a model has now. It takes as much memory as they do.
func Copy(m *model.Model) Reader {
	c := copied{}
	for p := range m.Params() {
		for r := range p.W.Rows {
			c[p.Name] = append(c[p.Name], p.W.Row(r)[:p.W.Cols]...)
		}
	}
	return c
}

func (c copied) Read(p *tensor.Param, first int, dst []float32) error {
	from, ok := c[p.Name]
	if !ok || first < 0 || first+len(dst) > len(from) {
		return fmt.Errorf("weights: %s: elements %d to %d are not among the %d that were copied", p.Name, first, first+len(dst), len(from))
	}
	copy(dst, from[first:])
	return nil
}

// chunk is how many weights are mixed at a time.
const chunk = 1 << 14

// mixer computes θ0 + α(θ − θ0) in pieces of at most a chunk. A reader that it does not need is not read.
type mixer struct {
	base, now          Reader
	alpha              float32
	mixed, ref, spares []float32
}

func newMixer(base, now Reader, alpha float64) (*mixer, error) {
	if !(alpha >= 0 && alpha <= 1) {
		return nil, fmt.Errorf("weights: alpha %g, want 0 (the base model) to 1 (the trained model)", alpha)
	}
	return &mixer{base, now, float32(alpha), make([]float32, chunk), make([]float32, chunk), make([]float32, chunk)}, nil
}

// piece is valid until the next call.
func (m *mixer) piece(p *tensor.Param, first, n int) ([]float32, error) {
	x, ref := m.mixed[:n], m.ref[:n]
	switch m.alpha {
	case 0:
		return x, m.base.Read(p, first, x)
	case 1:
		return x, m.now.Read(p, first, x)
	}
	if err := errors.Join(m.base.Read(p, first, x), m.now.Read(p, first, ref)); err != nil {
		return nil, err
	}
	optim.Pull(x, ref, m.alpha, m.spares[:n])
	return x, nil
}

// pieces gives all mixed weights of a parameter.
func (m *mixer) pieces(p *tensor.Param) iter.Seq2[[]float32, error] {
	return func(yield func([]float32, error) bool) {
		n := 1
		for _, d := range p.Shape {
			n *= d
		}
		for first := 0; first < n; first += chunk {
			if x, err := m.piece(p, first, min(chunk, n-first)); !yield(x, err) || err != nil {
				return
			}
		}
	}
}

// Blend sets the weights of a model in memory to base + α(now − base), for an α from 0 to 1. m may be the model that now was
// copied from. After an error the weights of m are partly set.
func Blend(m *model.Model, base, now Reader, alpha float64) error {
	mix, err := newMixer(base, now, alpha)
	if err != nil {
		return err
	}
	for p := range m.Params() {
		at := 0
		for x, err := range mix.pieces(p) {
			if err != nil {
				return err
			}
			for len(x) > 0 {
				row := p.W.Row(at / p.W.Cols)[at%p.W.Cols : p.W.Cols]
				n := copy(row, x)
				x, at = x[n:], at+n
			}
		}
	}
	return nil
}

// Save writes base + α(now − base) as a Hugging Face directory, with the configuration and the tokenizer files of now. It takes
// the memory of a few pieces. opt.SourceDir is set to now's directory. Without opt.DType every tensor keeps the type that it has
// in both directories; where they differ, all are written as F32, so that an α of 0 or 1 loses nothing.
func Save(dir string, base, now *checkpoint.Stored, alpha float64, opt checkpoint.SaveOptions) error {
	if err := Fit(base, now); err != nil {
		return err
	}
	mix, err := newMixer(base.Reader(), now.Reader(), alpha)
	if err != nil {
		return err
	}
	opt.SourceDir = now.Dir
	for p := range now.Outline.Params() {
		a, errA := base.Info(p)
		b, errB := now.Info(p)
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
		if opt.DType == "" && a.DType != b.DType {
			opt.DType = checkpoint.F32
		}
	}
	return checkpoint.SaveWeights(dir, now.Outline, mix.pieces, opt)
}

// Fit returns an error that names the first thing in which two directories differ although the models between them would need it
// to be the same: a shape or setting of config.json, or the tokenizer.
func Fit(base, now *checkpoint.Stored) error {
	a, b := architecture(base.Outline.Config), architecture(now.Outline.Config)
	differ := func(what string) error {
		return fmt.Errorf("weights: %s and %s do not fit together: %s; want a model that was trained from this base model", base.Dir, now.Dir, what)
	}
	if !reflect.DeepEqual(a, b) {
		for i := range reflect.TypeFor[model.Config]().NumField() {
			x, y := reflect.ValueOf(a).Field(i).Interface(), reflect.ValueOf(b).Field(i).Interface()
			if !reflect.DeepEqual(x, y) {
				return differ(fmt.Sprintf("%s is %v there and %v here", spelt(reflect.TypeFor[model.Config]().Field(i).Name), x, y))
			}
		}
	}
	one, err := tokenizer.Load(base.Dir)
	if err != nil {
		return err
	}
	other, err := tokenizer.Load(now.Dir)
	if err != nil {
		return err
	}
	if one.Fingerprint() != other.Fingerprint() {
		return differ("they have different tokenizers, so the rows of the embedding stand for different tokens")
	}
	return nil
}

// architecture leaves out of a configuration what the weights do not depend on.
func architecture(c model.Config) model.Config {
	c.BOS, c.EOS, c.EOSOutside, c.Notices, c.Prefix, c.InitRange = nil, nil, nil, nil, "", 0
	if !c.LearnedPositions {
		c.MaxPositions = 0
	}
	if !slices.ContainsFunc(c.Windows, func(n int) bool { return n != 0 }) {
		c.Windows = nil
	}
	return c
}

// spelt is a field's name with underscores, as config.json has it or nearly so.
func spelt(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && unicode.IsLower(rune(name[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Curve lists the values of α between two ends, which are among them, in steps of a width: 0, 1, 0.25 gives 0, 0.25, 0.5, 0.75
// and 1.
func Curve(from, to, step float64) ([]float64, error) {
	if !(from >= 0 && to <= 1 && from <= to && step >= 0.001) {
		return nil, fmt.Errorf("weights: alpha %g:%g:%g, want FROM:TO:STEP within 0 to 1, with steps of 0.001 or more", from, to, step)
	}
	var list []float64
	for i := 0; ; i++ {
		x := from + float64(float64(i)*step)
		x = math.Round(x*1e9) / 1e9 // 0.3, not 0.30000000000000004
		if x > to {
			break
		}
		list = append(list, x)
	}
	if list[len(list)-1] < to {
		list = append(list, to)
	}
	return list, nil
}
