// Package replay is Stage 0 of Logits Replay (arXiv 2510.09152): a frozen base model runs over the packed training data once,
// and for every position that carries loss the ids that hold most of its probability are recorded. Stage 1 trains on the
// renormalised cross-entropy over those ids.
//
// [Record] does all this for a list of documents, and [Predict] estimates beforehand how much time and memory it takes. In
// detail, a [Recorder] makes the subsets; [Create], or [Resume] after an interruption, writes them with the packed sequences
// into a record, a file that is a whole training set; [Open] opens a record for random access, [Inspect] counts its contents,
// [Verify] checks every byte, and [Merge] joins the shards of a recording that was split over machines into the file that one
// run would have written.
//
// A [Watcher] and a [Gatherer] instead make a record from the first epoch of full cross-entropy, which computes all logits
// anyway. The model changes meanwhile: such a record says so ([Header.Moving]) and does not hold the base model's probabilities.
//
//	r, err := replay.Open("domain.replay")
//	for s, err := range r.All() { // every sequence is in the same memory
//		for p, t := range s.Subsets.Rows { // the model's output at token t, over
//			ids := s.Subsets.IDs[s.Subsets.Offsets[p]:s.Subsets.Offsets[p+1]]
//		}
//	}
//
// The layout of a record is in docs/FORMAT.md, byte by byte. Every byte of it is covered by a CRC-32C.
package replay
