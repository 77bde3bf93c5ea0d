package golden_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"reprise/golden"
)

func TestCompare(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		got, want []float32
		bound     float64
		first     int
		text      string // "": no error
	}{
		{[]float32{1, 2}, []float32{1, 2}, 0, 0, ""},
		{[]float32{0, 0}, []float32{0, 0}, 0, 0, ""},
		{nil, nil, 0, 0, ""},
		{[]float32{1, 2.5}, []float32{1, 2}, 0.25, 0, ""},
		{[]float32{1, 2.5}, []float32{1, 2}, 0.24, 1, "error 0.25, bound 0.24, first bad index 1"},
		{[]float32{0, 1e-30}, []float32{0, 0}, 0.5, 1, "first bad index 1"},
		{[]float32{1, nan}, []float32{1, 2}, 0.05, 1, "NaN, want 2"},
		{[]float32{1, 2}, []float32{nan, 2}, 0.05, 0, "1, want NaN"},
		{[]float32{inf}, []float32{inf}, 0.05, 0, "+Inf, want +Inf"},
		{[]float32{1}, []float32{1, 2}, 0.05, -1, "1 elements, want 2"},
	} {
		err := golden.Compare("x", c.got, c.want, c.bound)
		var d *golden.Difference
		switch {
		case c.text == "" && err != nil, c.text != "" && !errors.As(err, &d):
			t.Errorf("%v, %v: %v, want %q", c.got, c.want, err, c.text)
		case d != nil && (d.First != c.first || !strings.Contains(err.Error(), c.text) || !strings.HasPrefix(err.Error(), "golden: x: ")):
			t.Errorf("%v, %v: %v (index %d), want %q (%d)", c.got, c.want, err, d.First, c.text, c.first)
		}
	}
}
