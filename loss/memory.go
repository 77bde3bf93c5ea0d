package loss

// FullMemory is the bytes that a Full holds: the logits of one block of positions and their hidden states, whatever the
// batch.
func FullMemory(vocab, d int) int {
	return 4 * block * (stride(vocab) + 2*stride(d))
}

// ReplayMemory is the most bytes that a Replay holds for positions in memory at a time, in sequences of at most seqLen,
// with ids of each in its subset and a tail of so many draws (0: none).
func ReplayMemory(positions, seqLen, ids, tail, vocab, d int) int {
	n := 2*positions*stride(d) + positions*ids // hidden states and their gradients; logits of the subsets
	n += 2*seqLen*ids + vocab                  // the pairs of one sequence sorted by id
	if tail > 0 {
		n += 2*tail*stride(d) + seqLen*stride(tail) // rows of W and of G; logits
	}
	return 4 * n
}
