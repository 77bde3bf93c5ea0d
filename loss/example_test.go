package loss_test

import (
	"fmt"

	"reprise/loss"
	"reprise/tensor"
)

// One hidden state, a head of four ids, and both losses of it: over the whole vocabulary, and over the two ids that a record
// holds there. Their difference is −log(1 − ρ), where ρ is the probability that the model gives to the other ids.
func Example() {
	pool := tensor.NewPool(1)
	defer pool.Close()
	head := &tensor.Param{Name: "head", Shape: []int{4, 2}, W: tensor.NewMatrix(4, 2)}
	copy(head.W.Data, []float32{
		2, 0,
		1, 1,
		0, 1,
		-1, 0,
	})
	h := tensor.NewMatrix(1, 2) // the logits are h·Wᵀ = 2, 1.5, 0.5, −1
	copy(h.Data, []float32{1, 0.5})

	losses := make([]float64, 1)
	var full loss.Full
	full.Run(pool, head, h, nil, loss.Targets{Rows: []int32{0}, Gold: []int32{1}}, 1, losses) // nil: no gradient is wanted
	fmt.Printf("full   %.4f nats\n", losses[0])

	recorded := &loss.Subsets{Rows: []int32{0}, Offsets: []int32{0, 2}, IDs: []int32{0, 1}, Gold: []int32{1}}
	var replay loss.Replay
	replay.Run(pool, head, h, nil, recorded, nil, 1, losses) // nil: no sampled tail
	fmt.Printf("replay %.4f nats\n", losses[0])

	rho := make([]float64, 1)
	full.Rho(pool, head, h, recorded, rho)
	fmt.Printf("rho    %.4f\n", rho[0])
	// Output:
	// full   1.1310 nats
	// replay 0.9741 nats
	// rho    0.1452
}
