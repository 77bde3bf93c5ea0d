package replay

import (
	"math/bits"

	"reprise/data"
	"reprise/internal/exact"
	"reprise/loss"
)

// Report describes a record; making it takes reading the whole file.
type Report struct {
	Summary
	Source        string  `json:"source"`          // frozen, or moving (Header.Moving)
	BytesPerToken float64 `json:"bytes_per_token"` // of the domain's part of the file
	BytesPerID    float64 `json:"bytes_per_id"`
	Sizes         []int   `json:"subset_sizes"` // Sizes[k] positions have k ids
	Ranks         []Rank  `json:"gold_ranks"`   // of the gold id among the recorded ones
	Level
	Rehearsal *RehearsalReport `json:"rehearsal,omitempty"` // of the text that the base model wrote itself; everything above is the domain's
}

// RehearsalReport describes the packs that the base model wrote. Its Summary is that of the packs that are trained on.
type RehearsalReport struct {
	Summary
	Level
	Gauge GaugeReport `json:"gauge"`
}

// GaugeReport describes the held-out packs.
type GaugeReport struct {
	Summary
	Level
}

// Level is how well the recorded model predicts a text. All values are means over the positions that carry loss, in nats.
type Level struct {
	BaseLoss   float64 `json:"base_loss"`   // of −log p(gold): the model's full cross-entropy, through float16
	Entropy    float64 `json:"entropy"`     // with all ids outside a subset counted as one: a lower bound
	EntropyMax float64 `json:"entropy_max"` // with their mass spread evenly over them: an upper bound
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
	report.mean(report.Positions)
	bytes := report.Bytes
	if r.h.Rehearsal != nil {
		own := &RehearsalReport{Summary: r.RehearsalSummary()}
		report.Rehearsal = own
		held := r.packs[r.Rehearsed()]
		own.Gauge.Summary = r.own.gauge.summary(int64(r.packs[len(r.packs)-1] - held))
		bytes -= own.Bytes + own.Gauge.Bytes
		var s data.Sequence
		for i := range r.Rehearsed() + r.Gauged() {
			if _, err := r.pack(i, &s); err != nil {
				return r.h, report, err
			}
			level := &own.Level
			if i >= r.Rehearsed() {
				level = &own.Gauge.Level
			}
			for p := range s.Subsets.Rows {
				level.add(s.Subsets, p, r.h.VocabSize)
			}
		}
		own.mean(own.Positions)
		own.Gauge.mean(own.Gauge.Positions)
	}
	report.BytesPerToken = float64(bytes) / float64(max(report.Tokens, 1))
	report.BytesPerID = float64(bytes) / float64(max(report.IDs, 1))
	return r.h, report, nil
}

// add counts a position. Ranks are counted in powers of two: 1, 2, 3 to 4, 5 to 8, …
func (r *Report) add(u *loss.Subsets, p, vocab int) {
	n := int(u.Offsets[p+1] - u.Offsets[p])
	for len(r.Sizes) <= n {
		r.Sizes = append(r.Sizes, 0)
	}
	r.Sizes[n]++
	rank := r.Level.add(u, p, vocab)
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

// add adds a position to the sums, and returns the rank of its gold id.
func (l *Level) add(u *loss.Subsets, p, vocab int) (rank int) {
	logs := u.LogProb[u.Offsets[p]:u.Offsets[p+1]]
	gold := logs[u.Gold[p]]
	l.BaseLoss -= float64(gold)
	rank = 1
	entropy := 0.0
	for _, x := range logs {
		if x > gold {
			rank++
		}
		entropy -= float64(exact.Exp(float64(x)) * float64(x))
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
	l.Entropy += entropy
	l.EntropyMax += most
	return rank
}

// mean turns the sums into means.
func (l *Level) mean(positions int) {
	n := float64(max(positions, 1))
	l.BaseLoss /= n
	l.Entropy /= n
	l.EntropyMax /= n
}
