package exact

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

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

// TestAccuracy64 compares with package math. The bounds include its own error of up to 1 ulp, and the ranges leave out
// arguments at which it is off by more (logarithms of subnormals, large powers). docs/NUMERICS.md has the error against
// exact values.
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
		return Exp(x), math.Exp(x)
	})
	check("exp near 0", 2, n, func(i int) (float64, float64) {
		x := line(i, -1, 1)
		return Exp(x), math.Exp(x)
	})
	check("log", 1, n, func(i int) (float64, float64) {
		x := math.Exp(line(i, -700, 709))
		return Log(x), math.Log(x)
	})
	check("log of subnormals", 1, 1074, func(i int) (float64, float64) {
		return Log(math.Ldexp(1, i-1074)), float64(i-1074) * math.Ln2
	})
	check("log near 1", 1, n, func(i int) (float64, float64) {
		x := line(i, 0.5, 2)
		return Log(x), math.Log(x)
	})
	check("sin", 1, n, func(i int) (float64, float64) {
		x := line(i, -100, 100)
		s, _ := Sincos(x)
		return s, math.Sin(x)
	})
	check("cos of large", 1, n, func(i int) (float64, float64) {
		x := line(i, -1e7, 1e7)
		_, c := Sincos(x)
		return c, math.Cos(x)
	})
	check("integral powers", 0, 400, func(i int) (float64, float64) {
		b, e := float64(i%40+2), i/40
		want := 1.0
		for range e {
			want *= b // exact: 41^9 is below 2^53
		}
		return Pow(b, float64(e)), want
	})
	check("powers of two", 0, 2098, func(i int) (float64, float64) {
		return Pow(2, float64(i-1074)), math.Ldexp(1, i-1074)
	})
	check("square roots", 1, n, func(i int) (float64, float64) {
		x := line(i, 0.001, 1e6)
		return Pow(x, 0.5), math.Sqrt(x)
	})
}

// The square of x to the power k/2 is compared with x to the power k, exactly.
func TestPowExact(t *testing.T) {
	exact := func(v float64) *big.Float { return new(big.Float).SetPrec(4000).SetFloat64(v) }
	worst := 0.0
	for i := range 20_000 {
		x, k := 0.01+float64(i)*0.0017, i%61-30
		r := Pow(x, float64(k)/2)
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
		// Half of it is the relative error of r; an ulp of r is between 2^-53 and 2^-52 of r.
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
	sin := func(x float64) float64 { s, _ := Sincos(x); return s }
	pow := func(x float64) func(float64) float64 {
		return func(y float64) float64 { return Pow(x, y) }
	}
	negZero := math.Copysign(0, -1)
	for _, c := range []struct {
		name    string
		f       func(float64) float64
		x, want float64
	}{
		{"exp", Exp, 0, 1}, {"exp", Exp, inf, inf}, {"exp", Exp, -inf, 0}, {"exp", Exp, nan, nan},
		{"exp", Exp, 710, inf}, {"exp", Exp, -746, 0}, {"exp", Exp, -745, 5e-324},
		{"log", Log, 1, 0}, {"log", Log, 0, -inf}, {"log", Log, -1, nan}, {"log", Log, inf, inf},
		{"log", Log, nan, nan}, {"log", Log, -inf, nan},
		{"sin", sin, 0, 0}, {"sin", sin, negZero, negZero}, {"sin", sin, inf, nan}, {"sin", sin, nan, nan},
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

// TestBits holds the bits of every function on fixed inputs, so that a change shows on any architecture and with any
// compiler. A new value here is a change of the arithmetic contract: see docs/NUMERICS.md.
func TestBits(t *testing.T) {
	got := map[string]string{}
	for name, f := range map[string]func(x float64) float64{
		"Exp":    func(x float64) float64 { return Exp(x * 700) },
		"Log":    func(x float64) float64 { return Log(math.Ldexp(1.5+x/2, int(x*1000))) },
		"Sincos": func(x float64) float64 { s, c := Sincos(x * 1e6); return s + c },
		"Pow":    func(x float64) float64 { return Pow(2+x, x*100) },
	} {
		r := rand.New(rand.NewPCG(10, 0))
		h := fnv.New64a()
		for range 5000 {
			write64(h.Write, f(r.Float64()*2-1))
		}
		got[name] = fmt.Sprintf("%016x", h.Sum64())
	}
	want := map[string]string{
		"Exp":    "2859374cac07c9de",
		"Log":    "007e821e496edbe5",
		"Pow":    "fde8403ce75cc9de",
		"Sincos": "81475d62d7ab8ad1",
	}
	for name, bits := range got {
		if want[name] != bits {
			t.Errorf("%q: %q, want %q", name, bits, want[name])
		}
	}
}

// write64 writes v, and the same bits for every NaN.
func write64(write func([]byte) (int, error), v float64) {
	if v != v {
		v = math.NaN()
	}
	_, _ = write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
}
