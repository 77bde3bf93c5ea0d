package report

import (
	"fmt"

	"reprise/internal/build"
)

// Comparison is the result of `reprise compare`: the contents of results.json and of its page. Losses are full
// cross-entropy in nats per token on held-out text.
type Comparison struct {
	Title     string      `json:"title"`
	Base      string      `json:"base"`
	Domain    string      `json:"domain"`
	General   []string    `json:"general"`
	Machine   string      `json:"machine"`
	Build     *build.Info `json:"build,omitempty"` // the program that wrote the results
	Seeds     []uint64    `json:"seeds"`
	Steps     int         `json:"steps"`  // optimizer steps of a cell
	Tokens    int         `json:"tokens"` // tokens that a cell trains on, mean over the cells
	Epochs    int         `json:"epochs"`
	LossShare float64     `json:"loss_share"` // f: share of positions that carry loss
	HeadShare float64     `json:"head_share"` // V·d/(V·d + body)
	EqualGain float64     `json:"equal_gain"` // share of the reference's gain at which forgetting is compared
	AtGain    float64     `json:"at_gain"`    // that gain in nats
	Reference string      `json:"reference"`
	Mixing    string      `json:"mixing_base,omitempty"`

	BaseDomain  float64   `json:"base_domain"` // on the reported half
	BaseGeneral []float64 `json:"base_general"`

	Pairs    []Pair   `json:"pairs,omitempty"`
	Kept     []Kept   `json:"kept,omitempty"`
	Methods  []Method `json:"methods"`
	Missing  int      `json:"missing_cells"` // not run yet
	Warnings []string `json:"warnings"`
}

// Spread is a mean over seeds with its standard deviation (0 for one seed).
type Spread struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
	N    int     `json:"n"`
}

// String is the mean, with the deviation if there is more than one seed.
func (s Spread) String() string {
	if s.N < 2 {
		return fmt.Sprintf("%.4f", s.Mean)
	}
	return fmt.Sprintf("%.4f ± %.4f", s.Mean, s.SD)
}

// Method is one method of the comparison.
type Method struct {
	Name string    `json:"name"`
	Note string    `json:"note,omitempty"`
	LRs  []LRPoint `json:"lrs"`  // ascending
	Best int       `json:"best"` // index into LRs: lowest domain loss on the choosing half; −1: none finished
	Edge bool      `json:"edge"` // the best learning rate is the least or the greatest that was tried

	AtEqual       *Spread     `json:"f_at_equal_gain,omitempty"`          // forgetting at Comparison.AtGain; nil: not reached by every seed
	ChooseAtEqual *Spread     `json:"f_at_equal_gain_choosing,omitempty"` // the same on the choosing halves, over the seeds that were run at every rate
	Mixed         *MixedFront `json:"f_at_equal_gain_mixed,omitempty"`
	Stability     []Stability `json:"stability,omitempty"`

	Target  *Spread  `json:"seconds_to_target,omitempty"`
	Ceiling *float64 `json:"flop_ceiling,omitempty"` // saving against full cross-entropy that the FLOPs allow
	Saving  *float64 `json:"saving,omitempty"`       // measured, at equal tokens against the reference
	Verdict *Verdict `json:"verdict,omitempty"`
	Rho     *float64 `json:"rho,omitempty"`   // at the end, mean over seeds at the best rate
	Cost    Cost     `json:"cost"`            // median over the cells of the best rate, or over the timed runs
	Timed   int      `json:"timed,omitempty"` // runs that were made only for timing, the methods in turn; 0: the cells' own times
}

// Cost is in wall seconds, evaluations left out.
type Cost struct {
	Stage0  float64 `json:"stage0"`
	Train   float64 `json:"train"`
	Refresh float64 `json:"refresh"`
	Mix     float64 `json:"mix"`              // records of mixed text
	Sample  float64 `json:"sample,omitempty"` // the base model's own packs: writing and recording them
}

// Before is what is paid before the first step.
func (c Cost) Before() float64 { return c.Stage0 + c.Mix + c.Sample }

// Total is the sum.
func (c Cost) Total() float64 { return c.Before() + c.Train + c.Refresh }

// LRPoint is a method at one learning rate.
type LRPoint struct {
	LR     float64 `json:"lr"`
	Choose Spread  `json:"choose"` // domain loss on the choosing half
	Loss   Spread  `json:"loss"`   // domain loss on the reported half
	Gain   Spread  `json:"gain"`
	Forget Spread  `json:"forget"`          // mean over the general texts
	KL     Spread  `json:"kl"`              // KL(base‖now) on the general texts
	Gauge  *Spread `json:"gauge,omitempty"` // KL(base‖now) on the base model's own text, estimated; nil: not every seed has it
	Seeds  []Seed  `json:"seeds"`
	Failed int     `json:"failed"` // seeds that diverged
}

// Seed is one cell.
type Seed struct {
	Seed    uint64    `json:"seed"`
	Gain    float64   `json:"gain"`
	Forget  float64   `json:"forget"`
	General []float64 `json:"general"` // forgetting per text
	Seconds float64   `json:"seconds"`

	ChooseGain   float64   `json:"choose_gain"` // on the choosing halves
	ChooseForget float64   `json:"choose_forget"`
	Mixtures     []Mixture `json:"mixtures,omitempty"`
}

// Verdict answers the three claims for one method against the reference; each answer is "yes" or "no" with its reason.
type Verdict struct {
	Better       bool    `json:"better_domain"`
	Difference   float64 `json:"difference"` // domain loss minus the reference's, both at their best rate
	Low          float64 `json:"low"`        // paired document bootstrap, 95 %
	High         float64 `json:"high"`
	SeedsAgree   bool    `json:"seeds_agree"`
	Less         bool    `json:"less_forgetting"`
	ForgetWhy    string  `json:"less_forgetting_why"`
	Cheaper      bool    `json:"cheaper"`
	TimeToTarget string  `json:"cheaper_why"`
}
