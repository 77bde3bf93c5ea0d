package model

// Work bounds the batches of a training pass, so that its memory can be computed and allocated in advance.
type Work struct {
	Tokens     int  // of a batch
	SeqLen     int  // of a document; 0: as Tokens
	StepTokens int  // of all batches up to EndStep; 0: as Tokens
	Workers    int  // of the pool; 0: the workers' attention buffers are not counted
	Recompute  bool // a recomputing pass
	Spare      int  // least number of values of Pass.Spare
}

// completed replaces zeros by the values documented above.
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
	Moments     int `json:"moments"`     // the optimizer's two moments
	Activations int `json:"activations"` // of forward and backward pass
}

// Total is the sum.
func (m Memory) Total() int { return m.Weights + m.Gradients + m.Moments + m.Activations }

// TrainingMemory is what training within w takes, in bytes, without the loss (package loss computes that) and without the
// packing buffers of the workers.
func (c Config) TrainingMemory(w Work) Memory {
	const float = 4
	w = w.completed()
	weights := float * Outline(c).Count()
	b := newBuffers(&c, true, w.Recompute)
	b.wanted = w.Spare
	floats, rows := b.count(w.Tokens)
	floats += 2*rows + c.HiddenSize*min(w.StepTokens, c.VocabSize) + c.VocabSize // rows of the embedding's gradient and their ids
	if !c.LearnedPositions {
		floats += 3 * max(64, w.SeqLen) * (c.HeadDim / 2) // rotary tables
	}
	floats += w.Workers * c.attnSizes(w.SeqLen).total()
	return Memory{Weights: weights, Gradients: weights, Moments: 2 * weights, Activations: float * floats}
}

// Reserve allocates the memory that batches within w need, so that none of them allocates. It ignores Workers and Recompute,
// which the pass already has.
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

// Borrow lets p, whose Spare is to have spare values, work in the memory of another pass where it is enough for a batch.
// This overwrites what the other pass keeps there, so that pass must be between two steps.
func (p *Pass) Borrow(from *Pass, spare int) {
	p.lender, p.wanted = from.buffers, spare
}

// InferenceMemory is the number of bytes that a pass without training takes for a batch of this many tokens, with a Spare of
// this many values; the workers' attention buffers and the rotary tables, which are small in comparison, are not counted.
func (c Config) InferenceMemory(tokens, spare int) int {
	b := newBuffers(&c, false, false)
	b.wanted = spare
	floats, rows := b.count(tokens)
	return 4*floats + 8*rows
}
