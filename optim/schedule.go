package optim

import (
	"fmt"
	"math"

	"reprise/internal/exact"
)

// Schedule is a learning rate over the steps of a run.
type Schedule struct {
	Kind   string  // cosine, linear (both fall towards Final·Peak) or constant
	Peak   float64 // the rate after warm-up
	Final  float64 // fraction of Peak at the end
	Warmup int     // steps of linear warm-up: step s of them runs at Peak·s/Warmup
	Steps  int     // steps of the run

	// End says when the rate is at Final·Peak: "after", or nothing, one step after the last, so that no step has rate 0; "last"
	// at the last step, which then learns nothing where Final is 0. docs/NUMERICS.md has the formula.
	End string
}

// Validate reports what is wrong with a schedule.
func (s Schedule) Validate() error {
	switch s.Kind {
	case "cosine", "linear", "constant":
	default:
		return fmt.Errorf("optim: schedule: %q, want one of [cosine linear constant]", s.Kind)
	}
	switch s.End {
	case "", "after", "last":
	default:
		return fmt.Errorf("optim: schedule_end: %q, want one of [after last]", s.End)
	}
	if !(s.Peak > 0 && s.Peak < 10) {
		return fmt.Errorf("optim: lr: %g, want more than 0 and less than 10", s.Peak)
	}
	if !(s.Final >= 0 && s.Final <= 1) {
		return fmt.Errorf("optim: final_lr_ratio: %g, want 0 to 1", s.Final)
	}
	return nil
}

// At is the learning rate of a step, counted from 1. It panics on a Kind or End that Validate refuses.
func (s Schedule) At(step int) float64 {
	if step <= s.Warmup {
		return s.Peak * float64(step) / float64(s.Warmup)
	}
	fall := s.Steps - s.Warmup
	switch s.End {
	case "", "after":
		fall++
	case "last":
	default:
		panic("optim: Schedule: end \"" + s.End + "\", want after or last")
	}
	done := min(1, float64(step-s.Warmup)/float64(max(1, fall)))
	left := 1.0
	switch s.Kind {
	case "cosine":
		_, cos := exact.Sincos(math.Pi * done)
		left = float64(0.5*(1-s.Final)) * (1 + cos)
	case "linear":
		left = float64((1 - s.Final) * (1 - done))
	case "constant":
		return s.Peak
	default:
		panic("optim: Schedule: kind \"" + s.Kind + "\", want cosine, linear or constant")
	}
	return s.Peak * (s.Final + left)
}
