package model

import "reprise/tensor"

// Memory is what a training step takes, in bytes.
type Memory struct {
	Weights     int `json:"weights"`
	Gradients   int `json:"gradients"`
	Moments     int `json:"moments"`     // two of the optimizer
	Activations int `json:"activations"` // of forward and backward pass
}

// Total is the sum.
func (m Memory) Total() int { return m.Weights + m.Gradients + m.Moments + m.Activations }

// TrainingMemory is what training takes with so many tokens in memory at a time. Not counted: the loss's logits (package
// loss knows), the gradient rows of the tokens' embeddings, and buffers of the workers.
func (c Config) TrainingMemory(tokens int) Memory {
	const float = 4
	weights := float * Outline(c).Count()
	var block, once int // values per token
	new(activations).each(&c, func(_ *tensor.Matrix, cols int) { block += cols })
	new(gradients).each(&c, func(_ *tensor.Matrix, cols int) { once += cols })
	block += 2*c.HiddenSize + 2*c.Heads // residual streams; maximum and sum of every softmax
	once += 3 * c.HiddenSize            // stream of the embedding, final states, what is added to a stream
	norms := 2*c.Layers + 1
	if c.QKNorm {
		norms += c.Layers * (c.Heads + c.KVHeads)
	}
	if c.LayerNorm {
		norms *= 2 // mean and deviation
	}
	return Memory{Weights: weights, Gradients: weights, Moments: 2 * weights, Activations: float * tokens * (c.Layers*block + once + norms)}
}
