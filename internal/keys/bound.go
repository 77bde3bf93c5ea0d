package keys

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Bound says which values are allowed. Its tag is an interval, [0,1] with both ends, (0,10) without them, [1,) for 1 and
// more; a choice, a|b|c; or "any". The bound of a list holds for each of its elements.
type Bound struct {
	Choice         []string // nil: not a choice
	Lo, Hi         float64  // infinite: no bound on this side
	OpenLo, OpenHi bool     // the end itself is not allowed
	Given          bool     // there is a tag
}

// ParseBound reads a tag. An empty tag allows everything.
func ParseBound(tag string) (Bound, error) {
	b := Bound{Lo: math.Inf(-1), Hi: math.Inf(1), Given: tag != ""}
	if tag == "" || tag == "any" {
		return b, nil
	}
	if strings.Contains(tag, "|") {
		b.Choice = strings.Split(tag, "|")
		return b, nil
	}
	lo, hi, ok := strings.Cut(tag, ",")
	if !ok || !strings.ContainsAny(lo[:1], "[(") || !strings.ContainsAny(hi[len(hi)-1:], "])") {
		return b, fmt.Errorf("bound %q: want an interval like [0,1), a choice like a|b, or any", tag)
	}
	b.OpenLo, b.OpenHi = lo[0] == '(', hi[len(hi)-1] == ')'
	for _, end := range []struct {
		text string
		to   *float64
	}{{lo[1:], &b.Lo}, {hi[:len(hi)-1], &b.Hi}} {
		if end.text == "" {
			continue
		}
		var err error
		if *end.to, err = strconv.ParseFloat(end.text, 64); err != nil {
			return b, fmt.Errorf("bound %q: %w", tag, err)
		}
	}
	return b, nil
}

// Any says that there is no bound.
func (b Bound) Any() bool { return b.Choice == nil && math.IsInf(b.Lo, -1) && math.IsInf(b.Hi, 1) }

// String is the bound in words: 0 to 1, more than 0 and less than 10, replay or full.
func (b Bound) String() string {
	if b.Choice != nil {
		return Or(b.Choice)
	}
	lo, hi := Number(b.Lo), Number(b.Hi)
	switch {
	case b.Any():
		return "any"
	case math.IsInf(b.Hi, 1) && b.OpenLo:
		return "more than " + lo
	case math.IsInf(b.Hi, 1):
		return lo + " or more"
	case !b.OpenLo && !b.OpenHi:
		return lo + " to " + hi
	}
	low, high := "at least "+lo, "at most "+hi
	if b.OpenLo {
		low = "more than " + lo
	}
	if b.OpenHi {
		high = "less than " + hi
	}
	return low + " and " + high
}

// Check says what is wrong with a value.
func (b Bound) Check(value any) error { return b.check(reflect.ValueOf(value)) }

// check says what is wrong with a value.
func (b Bound) check(v reflect.Value) error {
	if b.Any() { // whatever the type
		return nil
	}
	x := 0.0
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			if err := b.check(v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.String:
		if b.Choice != nil && !slices.Contains(b.Choice, v.String()) {
			return fmt.Errorf("%q, want %s", v.String(), b)
		}
		return nil
	case reflect.Bool:
		return nil
	case reflect.Float64:
		x = v.Float()
	case reflect.Int, reflect.Int32:
		x = float64(v.Int())
	case reflect.Uint64:
		x = float64(v.Uint())
	default:
		return errors.New("a type that is not known")
	}
	if above := x > b.Lo || x == b.Lo && !b.OpenLo; !above || !(x < b.Hi || x == b.Hi && !b.OpenHi) { // also NaN
		return fmt.Errorf("%v, want %s", v, b)
	}
	return nil
}

// Number writes a number as people do: 1000000, 0.1, 1e-8.
func Number(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return strings.Replace(strconv.FormatFloat(x, 'g', -1, 64), "e-0", "e-", 1)
}

// Or joins names: a, b or c.
func Or(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
