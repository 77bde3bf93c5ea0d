package asm

import (
	"math"
	"math/big"
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

// ulps64 returns the distance in steps between neighbouring float64.
func ulps64(got, want float64) float64 {
	if got == want || got != got && want != want {
		return 0
	}
	if math.IsInf(got, 0) || math.IsInf(want, 0) || got != got || want != want {
		return math.Inf(1)
	}
	return math.Abs(got-want) / (math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want))
}

// spread returns n values from lo to hi in steps that are no round numbers.
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
		// The argument of the sigmoid carries three roundings, and its relative
		// error counts |2u| times: within |x| < 1 that is below 4 ulp.
		{"gelu", GELU, gelu, spread(-1, 1, n), 6},
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

// Against package math, whose own error of up to 1 ulp the bounds include; its
// ranges leave out where math is wrong by more (logarithms of subnormals, large
// powers). The error against exact values stands in docs/NUMERICS.md.
func TestAccuracy64(t *testing.T) {
	check := func(name string, bound float64, n int, f func(i int) (got, want float64)) {
		worst, at := 0.0, 0
		for i := range n {
			got, want := f(i)
			if u := ulps64(got, want); u > worst {
				worst, at = u, i
			}
		}
		t.Logf("%s: %.2f ulp", name, worst)
		if worst > bound {
			got, want := f(at)
			t.Errorf("%s: %.2f ulp in case %d: got %x, math has %x", name, worst, at, got, want)
		}
	}
	const n = 200_000
	line := func(i int, lo, hi float64) float64 { return lo + (hi-lo)*float64(i)/n }
	check("exp", 2, n, func(i int) (float64, float64) {
		x := line(i, -708, 709)
		return Exp64(x), math.Exp(x)
	})
	check("exp near 0", 2, n, func(i int) (float64, float64) {
		x := line(i, -1, 1)
		return Exp64(x), math.Exp(x)
	})
	check("log", 1, n, func(i int) (float64, float64) {
		x := math.Exp(line(i, -700, 709))
		return Log64(x), math.Log(x)
	})
	check("log of subnormals", 1, 1074, func(i int) (float64, float64) {
		return Log64(math.Ldexp(1, i-1074)), float64(i-1074) * math.Ln2
	})
	check("log near 1", 1, n, func(i int) (float64, float64) {
		x := line(i, 0.5, 2)
		return Log64(x), math.Log(x)
	})
	check("sin", 1, n, func(i int) (float64, float64) {
		x := line(i, -100, 100)
		s, _ := Sincos64(x)
		return s, math.Sin(x)
	})
	check("cos of large", 1, n, func(i int) (float64, float64) {
		x := line(i, -1e7, 1e7)
		_, c := Sincos64(x)
		return c, math.Cos(x)
	})
	check("integral powers", 0, 400, func(i int) (float64, float64) {
		b, e := float64(i%40+2), i/40
		want := 1.0
		for range e {
			want *= b // exact: 41^9 is below 2^53
		}
		return Pow64(b, float64(e)), want
	})
	check("powers of two", 0, 2098, func(i int) (float64, float64) {
		return Pow64(2, float64(i-1074)), math.Ldexp(1, i-1074)
	})
	check("square roots", 1, n, func(i int) (float64, float64) {
		x := line(i, 0.001, 1e6)
		return Pow64(x, 0.5), math.Sqrt(x)
	})
}

// The square of x to the power k/2 is compared with x to the power k, exactly.
func TestPowExact(t *testing.T) {
	exact := func(v float64) *big.Float { return new(big.Float).SetPrec(4000).SetFloat64(v) }
	worst := 0.0
	for i := range 20_000 {
		x, k := 0.01+float64(i)*0.0017, i%61-30
		r := Pow64(x, float64(k)/2)
		num, den := exact(r), exact(1)
		num.Mul(num, num)
		for range max(k, -k) {
			if k > 0 {
				den.Mul(den, exact(x))
			} else {
				num.Mul(num, exact(x))
			}
		}
		diff, _ := num.Sub(num, den).Quo(num, den).Float64()
		// Half of it is the relative error of r, of which an ulp is 2^-52 times
		// 1 to 2.
		fraction, _ := math.Frexp(r)
		worst = max(worst, math.Abs(diff)/2*0x1p52*fraction*2)
	}
	t.Logf("pow: %.3f ulp", worst)
	if worst > 1 {
		t.Errorf("pow: %.3f ulp, want at most 1", worst)
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
	sin := func(x float64) float64 { s, _ := Sincos64(x); return s }
	pow := func(x float64) func(float64) float64 {
		return func(y float64) float64 { return Pow64(x, y) }
	}
	negZero := math.Copysign(0, -1)
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
		{"tanh", one(Tanh), 0, 0}, {"tanh", one(Tanh), negZero, negZero}, {"tanh", one(Tanh), inf, 1},
		{"tanh", one(Tanh), -inf, -1}, {"tanh", one(Tanh), nan, nan}, {"tanh", one(Tanh), 30, 1},
		{"atan2(0, x)", atan2(0), 0, 0}, {"atan2(0, x)", atan2(0), 3, 0}, {"atan2(0, x)", atan2(0), inf, 0},
		{"atan2(1, x)", atan2(1), 0, float64(float32(math.Pi / 2))}, {"atan2(-1, x)", atan2(-1), 0, -float64(float32(math.Pi / 2))},
		{"atan2(inf, x)", atan2(inf), 1, float64(float32(math.Pi / 2))}, {"atan2(inf, x)", atan2(inf), inf, nan},
		{"atan2(nan, x)", atan2(nan), 0, nan}, {"atan2(0, x)", atan2(0), nan, nan}, {"atan2(1, x)", atan2(1), nan, nan},
		{"exp64", Exp64, 0, 1}, {"exp64", Exp64, inf, inf}, {"exp64", Exp64, -inf, 0}, {"exp64", Exp64, nan, nan},
		{"exp64", Exp64, 710, inf}, {"exp64", Exp64, -746, 0}, {"exp64", Exp64, -745, 5e-324},
		{"log64", Log64, 1, 0}, {"log64", Log64, 0, -inf}, {"log64", Log64, -1, nan}, {"log64", Log64, inf, inf},
		{"log64", Log64, nan, nan}, {"log64", Log64, -inf, nan},
		{"sin64", sin, 0, 0}, {"sin64", sin, negZero, negZero}, {"sin64", sin, inf, nan}, {"sin64", sin, nan, nan},
		{"pow(nan, y)", pow(nan), 0, 1}, {"pow(1, y)", pow(1), nan, 1}, {"pow(2, y)", pow(2), 10, 1024},
		{"pow(-2, y)", pow(-2), 3, -8}, {"pow(-2, y)", pow(-2), 2, 4}, {"pow(-2, y)", pow(-2), 0.5, nan},
		{"pow(0, y)", pow(0), 2, 0}, {"pow(0, y)", pow(0), -2, inf}, {"pow(-0, y)", pow(negZero), 3, negZero},
		{"pow(-0, y)", pow(negZero), -3, -inf}, {"pow(2, y)", pow(2), inf, inf}, {"pow(0.5, y)", pow(0.5), inf, 0},
		{"pow(-1, y)", pow(-1), inf, 1}, {"pow(-inf, y)", pow(-inf), 3, -inf}, {"pow(inf, y)", pow(inf), -1, 0},
		{"pow(2, y)", pow(2), 2000, inf}, {"pow(2, y)", pow(2), -2000, 0}, {"pow(2, y)", pow(2), -1074, 5e-324},
	} {
		got := c.f(c.x)
		if got != c.want && !(got != got && c.want != c.want) || math.Signbit(got) != math.Signbit(c.want) && got == got {
			t.Errorf("%s at %g: got %g, want %g", c.name, c.x, got, c.want)
		}
	}
}
