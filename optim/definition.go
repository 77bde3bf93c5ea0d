package optim

import (
	"slices"

	"reprise/asm"
	"reprise/tensor"
)

// Names of the optimizers.
const (
	AdamW     = "adamw"
	AdamAtan2 = "adam-atan2"
	MoClip    = "moclip"
	AdaTAM    = "adatam"
	MoFO      = "mofo"
	Cautious  = "cautious"
)

// definitions are all optimizers, in the order in which help and errors list them.
var definitions = []*definition{&adamW, &adamAtan2, &moClip, &adaTAM, &moFO, &cautious}

// common are the keys of Config that every optimizer uses.
var common = []string{"optimizer", "beta1", "beta2", "weight_decay", "decay", "max_grad_norm"}

// definition is one optimizer: what it adds to Optimizer.Step, which all share. A nil function adds nothing.
type definition struct {
	name     string
	keys     []string        // keys of Config that it uses besides the common ones
	defaults func(c *Config) // sets its own keys whose default is not 0

	momentum   bool // steer needs g·m and |m|² as well as |g|²
	angles     bool // steer returns angles that are to be reported
	similarity bool // steer keeps one number per parameter in Optimizer.similarity

	// steer runs once a step and sets the coefficients of parameter i that depend on its gradient and momentum. own are the
	// inner products of that parameter, all those of all parameters together, both before global-norm clipping, which scales
	// gradients by clip.
	steer func(o *Optimizer, i int, own, all products, clip float64) Angle

	// choose is for steps that depend on the whole tensor's new momentum: it runs when all moments have advanced and no
	// weight has moved. tally, if set, counts entries of every block for it.
	choose func(o *Optimizer, pool *tensor.Pool)
	tally  func(b block) int

	// step moves the weights of a block and, where choose is nil, advances its moments first.
	step func(b block)
}

// block is at most blockSize consecutive elements of one parameter.
type block struct {
	number     int // among the blocks of all parameters
	w, g, m, v []float32
	coef       *coefficients // of the parameter
	count      int           // the count of tally, or the count by which choose replaced it
}

// coefficients are the numbers of a step that all elements of a parameter share.
type coefficients struct {
	asm.StepCoef
	border uint32  // MoFO: bits of the smallest |m| that moves
	clip   float32 // factor of global-norm clipping
}

// products are |g|², g·m and |m|².
type products struct{ gg, gm, mm float64 }

func (a products) plus(b products) products { return products{a.gg + b.gg, a.gm + b.gm, a.mm + b.mm} }

func (d *definition) uses(key string) bool { return slices.Contains(d.keys, key) }

// find returns nil for an unknown name.
func find(name string) *definition {
	for _, d := range definitions {
		if d.name == name {
			return d
		}
	}
	return nil
}

// Names lists the optimizers.
func Names() []string {
	var names []string
	for _, d := range definitions {
		names = append(names, d.name)
	}
	return names
}

// UsedBy lists the optimizers that use a key of Config, given as recipes spell it: "delta" gives [moclip], "beta1" gives
// all. It is empty for a word that is not a key.
func UsedBy(key string) []string {
	if slices.Contains(common, key) {
		return Names()
	}
	var names []string
	for _, d := range definitions {
		if d.uses(key) {
			names = append(names, d.name)
		}
	}
	return names
}

// Uses says whether an optimizer uses a key of Config; the others ignore it.
func Uses(name, key string) bool { return slices.Contains(UsedBy(key), name) }
