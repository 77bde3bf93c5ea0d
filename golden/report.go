package golden

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// Report is the result of Run.
type Report struct {
	Dir       string    `json:"dir"`
	Reference string    `json:"reference"` // who made the reference outputs; "": there are none
	Contract  int       `json:"contract"`  // version of the arithmetic contract
	Places    []string  `json:"places"`    // tiers and numbers of workers that computed
	Compared  int       `json:"compared"`  // reference tensors
	Hashed    int       `json:"hashed"`    // tensors whose hash was compared with a stored one
	Wrong     []Finding `json:"wrong"`     // beyond the bound, in the order of computation
	Changed   []Finding `json:"changed"`   // other bits, within the bound
}

// Finding is one tensor that is wrong or has changed.
type Finding struct {
	Tensor string   `json:"tensor"`
	Error  Number   `json:"error"` // +Inf if it is not a number, NaN without a reference
	Bound  Number   `json:"bound"` // NaN without a reference
	First  int      `json:"first"` // index of the first bad element; -1: the tensor as a whole
	End    int      `json:"end"`   // changed: the first change lies from First to End-1; else 0
	Why    string   `json:"why"`   // "", or what Error cannot say
	Where  []string `json:"where"` // tiers and numbers of workers
}

// Number is a float64 that is null in JSON if it is not finite.
type Number float64

// MarshalJSON writes null for NaN and infinities, which JSON lacks.
func (n Number) MarshalJSON() ([]byte, error) {
	if x := float64(n); !math.IsNaN(x) && !math.IsInf(x, 0) {
		return json.Marshal(x)
	}
	return []byte("null"), nil
}

// findings are in the order of computation, so that the first is nearest to the cause. The same finding of several tiers is one.
type findings struct {
	list []Finding
	at   map[string]int
}

func (f *findings) add(where, name string, m measured, end int) {
	found := Finding{Tensor: name, Error: Number(m.error), Bound: Number(m.bound), First: m.first, End: max(0, end), Why: m.why}
	key := fmt.Sprint(found)
	i, known := f.at[key]
	if !known {
		if f.at == nil {
			f.at = map[string]int{}
		}
		i = len(f.list)
		f.at[key] = i
		f.list = append(f.list, found)
	}
	f.list[i].Where = append(f.list[i].Where, where)
}

func (c *checker) report() *Report {
	r := &Report{Dir: c.dir, Contract: Contract, Places: c.places, Compared: len(c.compared), Hashed: len(c.hashed),
		Wrong: append([]Finding{}, c.wrong.list...), Changed: append([]Finding{}, c.changed.list...)}
	if c.ref != nil {
		versions := []string{}
		for _, name := range slices.Sorted(maps.Keys(c.ref.Versions)) {
			versions = append(versions, name+" "+c.ref.Versions[name])
		}
		r.Reference = fmt.Sprintf("%s (%s)", c.ref.MadeBy, strings.Join(versions, ", "))
	}
	return r
}

// OK says whether nothing is wrong and nothing has changed.
func (r *Report) OK() bool { return len(r.Wrong) == 0 && len(r.Changed) == 0 }

// Summary is one line.
func (r *Report) Summary() string {
	return fmt.Sprintf("%s: %d reference tensors compared, %d wrong; %d hashes compared, %d changed (%s)",
		r.Dir, r.Compared, tensors(r.Wrong), r.Hashed, tensors(r.Changed), strings.Join(r.Places, "; "))
}

// tensors counts the different tensors of findings; a tensor may have several.
func tensors(f []Finding) int {
	names := map[string]bool{}
	for _, x := range f {
		names[x.Tensor] = true
	}
	return len(names)
}

// String is the summary and both tables, of at most 20 lines each.
func (r *Report) String() string {
	var b strings.Builder
	b.WriteString(r.Summary())
	b.WriteString("\n")
	r.table(&b, "wrong: beyond the bound", r.Wrong)
	r.table(&b, fmt.Sprintf("changed: other bits than were stored by contract %d, or than another tier gives", Contract), r.Changed)
	return strings.TrimSuffix(b.String(), "\n")
}

// maxLines bounds a table: if everything fails, the first lines are enough.
const maxLines = 20

func (r *Report) table(b *strings.Builder, title string, found []Finding) {
	if len(found) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n", title)
	shown := found[:min(len(found), maxLines)]
	width := len("tensor")
	for _, f := range shown {
		width = max(width, len(f.Tensor))
	}
	fmt.Fprintf(b, "  %-*s  %9s  %9s  %s\n", width, "tensor", "error", "bound", "first bad index")
	for _, f := range shown {
		at := "-"
		switch {
		case f.End > f.First+1:
			at = fmt.Sprintf("%d to %d", f.First, f.End-1)
		case f.First >= 0:
			at = fmt.Sprint(f.First)
		}
		if f.Why != "" {
			at += "  " + f.Why
		}
		if len(f.Where) < len(r.Places) {
			at += "  (" + strings.Join(f.Where, "; ") + ")"
		}
		fmt.Fprintf(b, "  %-*s  %9s  %9s  %s\n", width, f.Tensor, number(float64(f.Error)), number(float64(f.Bound)), at)
	}
	if more := len(found) - len(shown); more > 0 {
		fmt.Fprintf(b, "  and %d more\n", more)
	}
}
