package replay

import (
	"math/bits"

	"reprise/internal/exact"
	"reprise/loss"
)

// Report describes a record; making it takes reading the whole file.
type Report struct {
	Summary
	Source        string  `json:"source"`          // frozen, or moving (Header.Moving)
	BytesPerToken float64 `json:"bytes_per_token"` // of the file
	BytesPerID    float64 `json:"bytes_per_id"`
	Sizes         []int   `json:"subset_sizes"` // Sizes[k] positions have k ids
	Ranks         []Rank  `json:"gold_ranks"`   // of the gold id among the recorded ones
	BaseLoss      float64 `json:"base_loss"`    // mean of −log p(gold): the model's full cross-entropy, in nats, through float16
	Entropy       float64 `json:"entropy"`      // mean, in nats, with all ids outside a subset counted as one: a lower bound
	EntropyMax    float64 `json:"entropy_max"`  // the same with their mass spread evenly over them: an upper bound
}

// Rank counts the positions whose gold id is between the From-th and the To-th most probable. Positions whose gold id was
// outside the prefix are not counted, because the record does not hold the rank of such an id.
type Rank struct {
	From      int `json:"from"`
	To        int `json:"to"`
	Positions int `json:"positions"`
}

// Inspect reads a record from its beginning to its end; one sequence at a time is in memory.
func Inspect(path string) (Header, Report, error) {
	r, err := Open(path)
	if err != nil {
		return Header{}, Report{}, err
	}
	defer r.Close()
	report := Report{Summary: r.Summary(), Source: "frozen", Sizes: make([]int, 1)}
	if r.h.Moving() {
		report.Source = "moving"
	}
	for s, err := range r.All() {
		if err != nil {
			return r.h, report, err
		}
		for p := range s.Subsets.Rows {
			report.add(s.Subsets, p, r.h.VocabSize)
		}
	}
	positions := float64(max(report.Positions, 1))
	report.BaseLoss /= positions
	report.Entropy /= positions
	report.EntropyMax /= positions
	report.BytesPerToken = float64(report.Bytes) / float64(max(report.Tokens, 1))
	report.BytesPerID = float64(report.Bytes) / float64(max(report.IDs, 1))
	return r.h, report, nil
}

// add counts a position. Ranks are counted in powers of two: 1, 2, 3 to 4, 5 to 8, …
func (r *Report) add(u *loss.Subsets, p, vocab int) {
	logs := u.LogProb[u.Offsets[p]:u.Offsets[p+1]]
	for len(r.Sizes) <= len(logs) {
		r.Sizes = append(r.Sizes, 0)
	}
	r.Sizes[len(logs)]++
	gold := logs[u.Gold[p]]
	r.BaseLoss -= float64(gold)
	rank := 1
	entropy := 0.0
	for _, l := range logs {
		if l > gold {
			rank++
		}
		entropy -= float64(exact.Exp(float64(l)) * float64(l))
	}
	most := entropy
	if rest := 1 - float64(u.Mass[p]); rest > 0 {
		part := float64(rest * exact.Log(rest))
		entropy -= part
		most -= part
		if others := vocab - len(logs); others > 0 {
			most += float64(rest * exact.Log(float64(others)))
		}
	}
	r.Entropy += entropy
	r.EntropyMax += most
	if u.Outside[p] {
		return
	}
	i := bits.Len(uint(rank - 1))
	for len(r.Ranks) <= i {
		n := len(r.Ranks)
		r.Ranks = append(r.Ranks, Rank{From: 1<<n/2 + 1, To: 1 << n})
	}
	r.Ranks[i].Positions++
}
