package train

import (
	"fmt"
	"math"
)

// DivergedError says that a step gave a loss or a gradient that is not finite. The weights are those before the step. The
// usual remedy is a lower learning rate. Errors of [Stepper.Step] and of a run wrap it:
//
//	if d, ok := errors.AsType[*train.DivergedError](err); ok {
//		log.Printf("diverged at step %d", d.Step)
//	}
type DivergedError struct {
	Step     int     // counted from 1
	Loss     float64 // mean per target token, in nats; if it is finite, the gradient is not
	GradNorm float64 // global norm before clipping; 0 if the loss is not finite, because then it is not computed
}

func (e *DivergedError) Error() string {
	if !finite(e.Loss) {
		return fmt.Sprintf("train: step %d: the loss is %g", e.Step, e.Loss)
	}
	return fmt.Sprintf("train: step %d: the gradient's norm is %g", e.Step, e.GradNorm)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
