package optim_test

import (
	"fmt"

	"reprise/optim"
	"reprise/tensor"
)

// MoClip finds the minimum of (x − 1)² + 10·(y + 2)². A training loop does the same every step: it fills the gradients, asks
// the schedule for the rate, and steps.
func Example() {
	w := tensor.NewMatrix(1, 2)
	p := &tensor.Param{Name: "w", Shape: []int{2}, W: w, G: tensor.NewMatrix(1, 2)}
	o, err := optim.New(optim.DefaultConfig(optim.MoClip), []*tensor.Param{p})
	if err != nil {
		panic(err)
	}
	pool := tensor.NewPool(0) // one worker per core; the number does not change the result
	defer pool.Close()
	schedule := optim.Schedule{Kind: "cosine", Peak: 0.05, Warmup: 10, Steps: 300}
	var stats optim.Stats
	for step := range schedule.Steps {
		x, y := w.Data[0], w.Data[1]
		p.G.Data[0], p.G.Data[1] = 2*(x-1), 20*(y+2)
		if err := o.Step(pool, schedule.At(step+1), &stats); err != nil {
			panic(err) // the gradient is not finite; no weight was changed
		}
		if (step+1)%100 == 0 {
			fmt.Printf("step %d: x %.4f, y %.4f\n", step+1, w.Data[0], w.Data[1])
		}
	}
	// Output:
	// step 100: x 1.0420, y -2.0350
	// step 200: x 1.0089, y -1.9975
	// step 300: x 0.9998, y -2.0000
}
