package compare

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"reprise/cmd/reprise/internal/report"
	"reprise/eval"
	"reprise/internal/atomicfile"
	"reprise/internal/build"
)

// Cell is the result of one method at one learning rate and seed: the contents of a file of a few kilobytes that can be kept with
// the source. Losses are full cross-entropy in nats per token.
type Cell struct {
	Method   string  `json:"method"` // name when it was run; the digest does not depend on it
	LR       float64 `json:"lr"`
	Seed     uint64  `json:"seed"`
	Digest   string  `json:"digest"`   // of everything that decides the result
	Contract int     `json:"contract"` // version of the arithmetic contract
	Machine  Machine `json:"machine"`  // seconds are comparable within one machine
	Commit   string  `json:"commit"`   // of the program

	// What the digest was made from, to be read by people: the keys that the grid and the method set, and the rest.
	Recipe   map[string]any `json:"recipe"`
	Settings []string       `json:"settings"`

	Failed string `json:"failed,omitempty"` // why the run counts as diverged

	Steps     int         `json:"steps"`
	Tokens    int         `json:"tokens"`
	Cost      report.Cost `json:"cost"`
	Curve     []Point     `json:"curve,omitempty"`
	Choose    float64     `json:"choose"` // domain loss on the choosing half
	Report    float64     `json:"report"` // domain loss on the reported half
	Documents losses      `json:"documents,omitempty"`
	General   []General   `json:"general,omitempty"`
	Rho       *float64    `json:"rho,omitempty"`

	Gauge      *eval.Forgetting `json:"gauge,omitempty"` // at the end: KL(base‖now) on text of the base model's own
	MeanSubset float64          `json:"mean_subset"`
	LossShare  float64          `json:"loss_share"`
	Alphas     []Mixture        `json:"alphas,omitempty"`
	Probe      *Probe           `json:"probe,omitempty"`
	SHA256     string           `json:"sha256,omitempty"` // of the final weights
}

// Machine is what seconds depend on.
type Machine struct {
	System    string `json:"system"` // linux/amd64
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Workers   int    `json:"workers"`
	Tier      string `json:"tier"`
}

func (m Machine) String() string {
	return fmt.Sprintf("%s, %s, %d cores, %s, %d workers", m.System, m.Processor, m.Cores, m.Tier, m.Workers)
}

// machine is the one that the comparison runs on.
func (r *Runner) machine() Machine {
	b := build.Get()
	return Machine{System: b.OS + "/" + b.Arch, Processor: b.Processor, Cores: runtime.NumCPU(), Workers: r.pool.Workers(), Tier: b.Tier}
}

// Point is the domain loss along a run.
type Point struct {
	Step    int     `json:"step"`
	Seconds float64 `json:"seconds"` // time of training and refreshes
	Choose  float64 `json:"choose"`
	Report  float64 `json:"report"`

	Gauge *float64 `json:"gauge,omitempty"` // KL(base‖now), estimated on text of the base model's own
}

// General is a score on one general text.
type General struct {
	Name   string  `json:"name"`
	Choose float64 `json:"choose"`
	Report float64 `json:"report"`
	KL     float64 `json:"kl"` // mean KL(base‖now) on the reported half, over the whole vocabulary
}

// losses are the mean losses of documents, in JSON as base64 of little-endian uint16 in units of 1/2048 nats, so that hundreds take
// a kilobyte. What is read back differs by at most 1/4096 nats, below 32 nats. They serve the bootstrap; means of cells are exact.
type losses []float64

const lossUnit = 1.0 / 2048

// lossUnits is a loss in units, as it is kept.
func lossUnits(x float64) uint16 { return uint16(min(max(math.Round(x/lossUnit), 0), math.MaxUint16)) }

func (l losses) MarshalText() ([]byte, error) {
	raw := make([]byte, 0, 2*len(l))
	for _, x := range l {
		raw = binary.LittleEndian.AppendUint16(raw, lossUnits(x))
	}
	return base64.StdEncoding.AppendEncode(nil, raw), nil
}

func (l *losses) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(raw)%2 != 0 {
		return fmt.Errorf("documents: want base64 of two bytes for every document")
	}
	*l = make(losses, len(raw)/2)
	for i := range *l {
		(*l)[i] = float64(binary.LittleEndian.Uint16(raw[2*i:])) * lossUnit
	}
	return nil
}

// id names a cell.
type id struct {
	method *Method
	lr     float64
	seed   uint64
}

func (c id) String() string { return fmt.Sprintf("%s, lr %.3g, seed %d", c.method.Name, c.lr, c.seed) }

// lrName is the name of a learning rate in paths.
func lrName(lr float64) string { return fmt.Sprintf("lr-%.3g", lr) }

// key is a cell's key in Runner.cells.
func (r *Runner) key(c id) string {
	return fmt.Sprintf("%s/%s/seed-%d", c.method.Name, lrName(c.lr), c.seed)
}

// runDir is the directory in which a cell's run leaves its metrics.
func (r *Runner) runDir(c id) string {
	return filepath.Join(r.grid.Out, "runs", filepath.FromSlash(r.key(c)))
}

// cellPath is the file of a cell. Its name is the digest's beginning: cells with the same settings, base model and texts are one,
// whatever their methods are called and wherever they were run.
func (r *Runner) cellPath(digest string) string {
	return filepath.Join(r.grid.Cells, digest[:20]+".json")
}

// finished reads a cell that was run before; nil: it was not run, or without what this grid also measures.
func (r *Runner) finished(p *plan) (*Cell, error) {
	path := r.cellPath(p.digest)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	var cell Cell
	if err := json.Unmarshal(text, &cell); err != nil {
		return nil, fmt.Errorf("compare: %s: %w; delete the file to run its cell again", path, err)
	}
	if cell.Digest != p.digest {
		return nil, fmt.Errorf("compare: %s: digest %s, want %s; delete the file to run its cell again", path, cell.Digest, p.digest)
	}
	if cell.Failed != "" {
		return &cell, nil
	}
	if len(cell.Documents) != len(r.texts.report) || len(cell.General) != len(r.texts.general) {
		return nil, fmt.Errorf("compare: %s: %d documents and %d general texts, want %d and %d; delete the file to run its cell again",
			path, len(cell.Documents), len(cell.General), len(r.texts.report), len(r.texts.general))
	}
	for _, alpha := range r.grid.Alphas {
		if cell.at(alpha) == nil {
			return nil, nil
		}
	}
	if r.grid.Gauge > 0 && (cell.Gauge == nil || cell.Gauge.Packs != r.grid.Gauge) {
		return nil, nil
	}
	if r.grid.Probe.Every > 0 && (cell.Probe == nil || cell.Probe.Every != r.grid.Probe.Every) {
		return nil, nil
	}
	return &cell, nil
}

// keep writes a cell.
func (r *Runner) keep(cell *Cell) error {
	text, err := json.MarshalIndent(cell, "", " ")
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	return atomicfile.WriteFile(r.cellPath(cell.Digest), append(text, '\n'))
}
