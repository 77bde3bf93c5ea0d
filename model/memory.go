package model

// Work bounds what a pass for training is asked to do, so that its memory can be told and taken in advance.
type Work struct {
	Tokens     int  // of a batch
	SeqLen     int  // of a document; 0: as Tokens
	StepTokens int  // of all batches up to EndStep; 0: as Tokens
	Workers    int  // of the pool; 0: their buffers of attention are left out
	Recompute  bool // a recomputing pass
	Spare      int  // values that Pass.Spare should have, at least
}

// completed has the documented values in the place of zeros.
func (w Work) completed() Work {
	if w.SeqLen == 0 {
		w.SeqLen = w.Tokens
	}
	if w.StepTokens == 0 {
		w.StepTokens = w.Tokens
	}
	return w
}

// Memory is what a training step takes, in bytes.
type Memory struct {
	Weights     int `json:"weights"`
	Gradients   int `json:"gradients"`
	Moments     int `json:"moments"`     // two of the optimizer
	Activations int `json:"activations"` // of forward and backward pass
}

// Total is the sum.
func (m Memory) Total() int { return m.Weights + m.Gradients + m.Moments + m.Activations }

// TrainingMemory is what training within w takes, in bytes, the loss (package loss knows) and the packing buffers of the workers
// left out.
func (c Config) TrainingMemory(w Work) Memory {
	const float = 4
	w = w.completed()
	weights := float * Outline(c).Count()
	b := newBuffers(&c, true, w.Recompute)
	b.wanted = w.Spare
	floats, rows := b.count(w.Tokens)
	floats += 2*rows + c.HiddenSize*min(w.StepTokens, c.VocabSize) + c.VocabSize // rows of the embedding's gradient, and which
	if !c.LearnedPositions {
		floats += 3 * max(64, w.SeqLen) * (c.HeadDim / 2) // rotary tables
	}
	floats += w.Workers * c.attnSizes(w.SeqLen).total()
	return Memory{Weights: weights, Gradients: weights, Moments: 2 * weights, Activations: float * floats}
}

// Reserve takes the memory that batches within w need, so that none of them allocates; Workers and Recompute are the pass's
// own.
func (p *Pass) Reserve(w Work) {
	w = w.completed()
	p.wanted = max(p.wanted, w.Spare)
	p.capacity = 0
	p.fit(w.Tokens)
	p.positions = make([]int32, 0, w.Tokens)
	if p.rope != nil {
		p.rope.grow(w.SeqLen)
	}
	p.att.reserve(w.SeqLen, w.Tokens)
	p.embedding.reserve(p.Model.Config.VocabSize, p.Model.Config.HiddenSize, w.StepTokens)
}

// Borrow lets p, which wants so much to spare, work in the memory of another pass where that is enough for a batch. What the
// other one has kept there is lost: it must be between two steps.
func (p *Pass) Borrow(from *Pass, spare int) {
	p.lender, p.wanted = from.buffers, spare
}

// InferenceMemory is the bytes that a pass without training takes for a batch of so many tokens, with so many values to spare;
// the workers' buffers of attention and the rotary tables, both small beside it, are left out.
func (c Config) InferenceMemory(tokens, spare int) int {
	b := newBuffers(&c, false, false)
	b.wanted = spare
	floats, rows := b.count(tokens)
	return 4*floats + 8*rows
}
