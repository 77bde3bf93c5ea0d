package asm

import (
	"math"
	"testing"
)

// ulps32 returns the distance of got from want in units of the last place of
// the float32 nearest to want.
func ulps32(got float32, want float64) float64 {
	if math.IsNaN(want) || math.IsInf(want, 0) || want == 0 {
		if float64(got) == want || math.IsNaN(want) && got != got {
			return 0
		}
		return math.Inf(1)
	}
	exponent := max(math.Ilogb(want), -126) - 23
	return math.Abs(float64(got)-want) / math.Ldexp(1, exponent)
}

// spread returns n values from lo to hi in steps that are not round numbers.
func spread(lo, hi float64, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(lo + (hi-lo)*float64(i)/float64(n-1))
	}
	return x
}

// magnitudes returns values of all magnitudes, of both signs.
func magnitudes(lowest, highest float64, n int) []float32 {
	var x []float32
	ratio := math.Pow(highest/lowest, 1/float64(n))
	for v := lowest; v < highest; v *= ratio {
		x = append(x, float32(v), float32(-v))
	}
	return x
}

func TestAccuracy32(t *testing.T) {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	gelu := func(x float64) float64 {
		return x * sigmoid(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))
	}
	phi := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	erf := func(x float64) float64 { return x * phi(x) }
	slope := func(x float64) float64 { return phi(x) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi) }
	derivative := func(dst, x []float32) {
		ones := make([]float32, len(x))
		for i := range ones {
			ones[i] = 1
		}
		GELUErfBackward(dst, ones, x)
	}
	const n = 300_000
	for _, c := range []struct {
		name  string
		f     func(dst, x []float32)
		want  func(float64) float64
		x     []float32
		bound float64
	}{
		{"exp", Exp, math.Exp, spread(-87.3365, 88.7228, n), 1},
		{"exp near 0", Exp, math.Exp, magnitudes(1e-40, 1, n), 1},
		{"exp at the low end", Exp, math.Exp, spread(-87.3365, -87, n/10), 1},
		{"exp at the high end", Exp, math.Exp, spread(88, 88.7228, n/10), 1},
		{"sigmoid", Sigmoid, sigmoid, spread(-80, 80, n), 2.5},
		{"sigmoid near 0", Sigmoid, sigmoid, magnitudes(1e-40, 1, n), 2.5},
		{"tanh", Tanh, math.Tanh, spread(-10, 10, n), 3},
		{"tanh near 0", Tanh, math.Tanh, magnitudes(1e-40, 1, n), 3},
		// The argument 2u of the sigmoid carries three roundings, and its
		// relative error is multiplied by |2u| in the result: within |x| < 1 that
		// is below 4 ulp.
		{"gelu", GELU, gelu, spread(-1, 1, n), 6},
		// An error of the argument t of the polynomial is multiplied by up to 2.7 in the result.
		{"gelu, exact", GELUErf, erf, spread(-12.9, 13.2, 4*n), 7},
		{"gelu, exact, near 0", GELUErf, erf, magnitudes(1e-40, 1, n), 7},
		{"gelu, exact, far", GELUErf, erf, spread(13, 1e30, n), 0.5},
		{"gelu', exact, left", derivative, slope, spread(-13.2, -1.5, n), 8},
		{"gelu', exact, right", derivative, slope, spread(-0.25, 20, n), 8},
		{"gelu', exact, near 0", derivative, slope, magnitudes(1e-40, 0.1, n), 8},
	} {
		dst := make([]float32, len(c.x))
		c.f(dst, c.x)
		worst, at := 0.0, float32(0)
		for i, x := range c.x {
			if u := ulps32(dst[i], c.want(float64(x))); u > worst {
				worst, at = u, x
			}
		}
		t.Logf("%s: %.3f ulp at %g", c.name, worst, at)
		if worst > c.bound {
			t.Errorf("%s: %.3f ulp at %g, want at most %g", c.name, worst, at, c.bound)
		}
	}
}

// TestGELUErfTails: where the result is subnormal or the derivative passes 0, the absolute error counts.
func TestGELUErfTails(t *testing.T) {
	x := append(spread(-20, -12.9, 100_000), float32(math.Inf(-1)), -1e30, -math.MaxFloat32)
	y, dx, ones := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	for i := range ones {
		ones[i] = 1
	}
	GELUErf(y, x)
	GELUErfBackward(dx, ones, x)
	for i, v := range x {
		want := float64(v) * math.Erfc(-float64(v)/math.Sqrt2) / 2
		if math.IsInf(float64(v), -1) { // -Inf times 0
			if y[i] == y[i] || dx[i] != 0 {
				t.Errorf("at %g: %g, derivative %g, want NaN and 0", v, y[i], dx[i])
			}
			continue
		}
		slope := math.Erfc(-float64(v)/math.Sqrt2)/2 + float64(v)*math.Exp(-float64(v)*float64(v)/2)/math.Sqrt(2*math.Pi)
		if math.Abs(float64(y[i])-want) > 0x1p-126 || math.Abs(float64(dx[i])-slope) > 0x1p-123-0x1p-20*slope {
			t.Fatalf("at %g: %g, want %g; derivative %g, want %g", v, y[i], want, dx[i], slope)
		}
	}
	x = spread(-1.5, -0.25, 300_000)
	dx, ones = make([]float32, len(x)), make([]float32, len(x))
	for i := range ones {
		ones[i] = 1
	}
	GELUErfBackward(dx, ones, x)
	worst := 0.0
	for i, v := range x {
		z := float64(v)
		worst = max(worst, math.Abs(float64(dx[i])-(math.Erfc(-z/math.Sqrt2)/2+z*math.Exp(-z*z/2)/math.Sqrt(2*math.Pi))))
	}
	t.Logf("derivative where it passes 0: off by %.3g", worst)
	if worst > 0x1p-22 {
		t.Errorf("derivative where it passes 0: off by %.3g, want at most %.3g", worst, 0x1p-22)
	}
}

func TestAccuracyAtan2(t *testing.T) {
	var ys, xs []float32
	for i := range 400_000 {
		angle := math.Pi * (float64(i)/400_000 - 0.5)
		r := math.Ldexp(1, i%61-30)
		ys = append(ys, float32(r*math.Sin(angle)))
		xs = append(xs, float32(r*math.Abs(math.Cos(angle))))
	}
	dst := make([]float32, len(ys))
	Atan2(dst, ys, xs)
	worst := 0.0
	for i := range ys {
		worst = max(worst, ulps32(dst[i], math.Atan2(float64(ys[i]), float64(xs[i]))))
	}
	t.Logf("atan2: %.3f ulp", worst)
	if worst > 2.5 {
		t.Errorf("atan2: %.3f ulp, want at most 2.5", worst)
	}
}

func TestSpecialValues(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	one := func(f func(dst, x []float32)) func(float64) float64 {
		return func(x float64) float64 {
			v := []float32{float32(x)}
			f(v, v)
			return float64(v[0])
		}
	}
	atan2 := func(y float64) func(float64) float64 {
		return func(x float64) float64 {
			v := []float32{float32(x)}
			Atan2(v, []float32{float32(y)}, v)
			return float64(v[0])
		}
	}
	negZero := math.Copysign(0, -1)
	slope := func(dst, x []float32) { GELUErfBackward(dst, []float32{1}, x) }
	for _, c := range []struct {
		name    string
		f       func(float64) float64
		x, want float64
	}{
		{"exp", one(Exp), 0, 1}, {"exp", one(Exp), negZero, 1},
		{"exp", one(Exp), inf, inf}, {"exp", one(Exp), -inf, 0}, {"exp", one(Exp), nan, nan},
		{"exp", one(Exp), 88.73, inf}, {"exp", one(Exp), -87.34, 0}, {"exp", one(Exp), 3e38, inf},
		{"sigmoid", one(Sigmoid), 0, 0.5}, {"sigmoid", one(Sigmoid), inf, 1}, {"sigmoid", one(Sigmoid), -inf, 0},
		{"sigmoid", one(Sigmoid), nan, nan},
		{"gelu, exact", one(GELUErf), 0, 0}, {"gelu, exact", one(GELUErf), negZero, negZero}, {"gelu, exact", one(GELUErf), inf, inf},
		{"gelu, exact", one(GELUErf), -inf, nan}, {"gelu, exact", one(GELUErf), nan, nan}, {"gelu, exact", one(GELUErf), -30, negZero},
		{"gelu, exact", one(GELUErf), 3e38, float64(float32(3e38))}, {"gelu, exact", one(GELUErf), -3e38, negZero},
		{"gelu', exact", one(slope), 0, 0.5}, {"gelu', exact", one(slope), inf, 1}, {"gelu', exact", one(slope), -inf, 0},
		{"gelu', exact", one(slope), nan, nan}, {"gelu', exact", one(slope), 3e38, 1}, {"gelu', exact", one(slope), -3e38, 0},
		{"tanh", one(Tanh), 0, 0}, {"tanh", one(Tanh), negZero, negZero}, {"tanh", one(Tanh), inf, 1},
		{"tanh", one(Tanh), -inf, -1}, {"tanh", one(Tanh), nan, nan}, {"tanh", one(Tanh), 30, 1},
		{"atan2(0, x)", atan2(0), 0, 0}, {"atan2(0, x)", atan2(0), 3, 0}, {"atan2(0, x)", atan2(0), inf, 0},
		{"atan2(1, x)", atan2(1), 0, float64(float32(math.Pi / 2))}, {"atan2(-1, x)", atan2(-1), 0, -float64(float32(math.Pi / 2))},
		{"atan2(inf, x)", atan2(inf), 1, float64(float32(math.Pi / 2))}, {"atan2(inf, x)", atan2(inf), inf, nan},
		{"atan2(nan, x)", atan2(nan), 0, nan}, {"atan2(0, x)", atan2(0), nan, nan}, {"atan2(1, x)", atan2(1), nan, nan},
	} {
		got := c.f(c.x)
		if got != c.want && !(got != got && c.want != c.want) || math.Signbit(got) != math.Signbit(c.want) && got == got {
			t.Errorf("%s at %g: got %g, want %g", c.name, c.x, got, c.want)
		}
	}
}
