package run

import (
	"math"
	"slices"
	"strings"

	"reprise/optim"
	"reprise/train"
)

// Group describes the tensors of one kind over the steps since the last evaluation.
type Group struct {
	Name       string    `json:"name"`                 // embedding, attention, mlp, norms or head
	Phi        []float64 `json:"phi,omitempty"`        // MoClip: angle between gradient and momentum in degrees, percentiles 5, 25, 50, 75 and 95 over tensors and steps
	Capped     *float64  `json:"capped,omitempty"`     // MoClip: share of those angles that was capped
	UpdateRMS  *float64  `json:"update_rms,omitempty"` // root mean square of the last step's change of a weight, in units of the learning rate; absent at rate 0
	WeightNorm float64   `json:"weight_norm"`          // Euclidean norm after the step
}

// groupNames are the kinds of tensors, in the order of a report.
var groupNames = []string{"embedding", "attention", "mlp", "norms", "head"}

// groupOf returns the group of a tensor from its name as Hugging Face writes it in the llama and gpt2 families.
func groupOf(name string) int {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(name, p) })
	}
	switch {
	case has("lm_head"):
		return 4
	case has("norm", ".ln_", "ln_f"):
		return 3
	case has("embed", "wte", "wpe"):
		return 0
	case has("mlp"):
		return 2
	default:
		return 1
	}
}

// angleLog counts MoClip's angles per group, in bins of one degree, and how many of them were capped. It is part of a
// checkpoint, so that an interrupted run logs what an uninterrupted one does.
type angleLog [5]struct {
	Bins   []int `json:"bins,omitempty"`
	Capped int   `json:"capped,omitempty"`
}

// add counts the angles of the last step.
func (a *angleLog) add(s *train.Stepper) {
	i := 0
	for p := range s.Model.Params() {
		g := &a[groupOf(p.Name)]
		angle := s.Stats.Tensors[i]
		i++
		if math.IsNaN(angle.Phi) {
			continue
		}
		if g.Bins == nil {
			g.Bins = make([]int, 180)
		}
		g.Bins[min(179, int(angle.Phi))]++
		if angle.Capped {
			g.Capped++
		}
	}
}

// groups summarises the angles and how far the last step moved the weights, which must have been measured. It resets a.
func (a *angleLog) groups(s *train.Stepper, lr float64) []Group {
	var sums [5]optim.Moved
	var size [5]int
	i := 0
	for p := range s.Model.Params() {
		k := groupOf(p.Name)
		sums[k].Update2 += s.Stats.Moved[i].Update2
		sums[k].Weight2 += s.Stats.Moved[i].Weight2
		size[k] += len(p.W.Data)
		i++
	}
	var out []Group
	for k, name := range groupNames {
		if size[k] == 0 {
			continue
		}
		g := Group{Name: name, WeightNorm: math.Sqrt(sums[k].Weight2)}
		if lr > 0 {
			rms := math.Sqrt(sums[k].Update2/float64(size[k])) / lr
			g.UpdateRMS = &rms
		}
		if n := total(a[k].Bins); n > 0 {
			for _, share := range []float64{0.05, 0.25, 0.5, 0.75, 0.95} {
				g.Phi = append(g.Phi, percentile(a[k].Bins, share))
			}
			capped := float64(a[k].Capped) / float64(n)
			g.Capped = &capped
		}
		out = append(out, g)
	}
	*a = angleLog{}
	return out
}

func total(bins []int) (n int) {
	for _, c := range bins {
		n += c
	}
	return n
}

// percentile is the middle of the bin that holds the given share of the counts.
func percentile(bins []int, share float64) float64 {
	rank := int(share * float64(total(bins)-1))
	for i, c := range bins {
		if rank < c {
			return float64(i) + 0.5
		}
		rank -= c
	}
	return 179.5
}

// angles summarises MoClip's angles of one step: their median in degrees and the share that was capped.
func angles(tensors []optim.Angle) (median, capped *float64) {
	var phi []float64
	n := 0
	for _, a := range tensors {
		if !math.IsNaN(a.Phi) {
			phi = append(phi, a.Phi)
		}
		if a.Capped {
			n++
		}
	}
	if len(phi) == 0 {
		return nil, nil
	}
	slices.Sort(phi)
	share := float64(n) / float64(len(tensors))
	return &phi[len(phi)/2], &share
}
