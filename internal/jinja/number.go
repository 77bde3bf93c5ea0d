package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// maxBits bounds whole numbers: Python too refuses to print longer ones.
const maxBits = 14000

// normal makes an int64 of a whole number that fits.
func normal(i *big.Int) Value {
	if i.IsInt64() {
		return i.Int64()
	}
	return i
}

func intOf(v Value) (*big.Int, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return big.NewInt(1), true
		}
		return new(big.Int), true
	case int64:
		return big.NewInt(v), true
	case *big.Int:
		return v, true
	}
	return nil, false
}

func isNumber(v Value) bool {
	switch v.(type) {
	case bool, int64, *big.Int, float64:
		return true
	}
	return false
}

// toFloat is Python's float of a number.
func (r *run) toFloat(v Value) float64 {
	if f, ok := v.(float64); ok {
		return f
	}
	i, _ := intOf(v)
	f, _ := new(big.Float).SetInt(i).Float64()
	if math.IsInf(f, 0) {
		r.fail("a whole number is too large for a float")
	}
	return f
}

// compareNumbers compares exactly; ordered is false where one is not a number (NaN).
func compareNumbers(a, b Value) (c int, ordered bool) {
	exact := func(v Value) (*big.Float, bool) {
		if f, ok := v.(float64); ok {
			if math.IsNaN(f) {
				return nil, false
			}
			return new(big.Float).SetFloat64(f), true
		}
		i, _ := intOf(v)
		return new(big.Float).SetInt(i), true
	}
	x, ok := a.(int64)
	y, ok2 := b.(int64)
	if ok && ok2 {
		switch {
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, true
	}
	f, ok := exact(a)
	g, ok2 := exact(b)
	if !ok || !ok2 {
		return 0, false
	}
	return f.Cmp(g), true
}

func (r *run) bounded(i *big.Int) Value {
	if i.BitLen() > maxBits {
		r.fail("a whole number has more than %d bits", maxBits)
	}
	return normal(i)
}

func (r *run) binary(op string, a, b Value) Value {
	r.defined(a)
	if s, ok := a.(string); ok && op == "%" {
		return r.percent(s, b)
	}
	r.defined(b)
	if isNumber(a) && isNumber(b) {
		i, ok := intOf(a)
		j, ok2 := intOf(b)
		if ok && ok2 {
			return r.intBinary(op, i, j)
		}
		if op == "**" {
			return r.floatPower(r.toFloat(a), b)
		}
		return r.floatBinary(op, r.toFloat(a), r.toFloat(b))
	}
	r.plain(a)
	r.plain(b)
	switch op {
	case "+":
		switch x := a.(type) {
		case string:
			if y, ok := b.(string); ok {
				return r.text(x + y)
			}
		case *List:
			if y, ok := b.(*List); ok {
				return &List{r.join(x.Items, y.Items)}
			}
		case *tuple:
			if y, ok := b.(*tuple); ok {
				return &tuple{items: r.join(x.items, y.items)}
			}
		}
	case "*":
		if i, ok := intOf(a); ok {
			return r.repeat(b, i, a)
		}
		if i, ok := intOf(b); ok {
			return r.repeat(a, i, b)
		}
	}
	r.fail("unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(a), typeName(b))
	return nil
}

func (r *run) join(a, b []Value) []Value {
	r.made(16 * (len(a) + len(b)))
	return append(append(make([]Value, 0, len(a)+len(b)), a...), b...)
}

func (r *run) repeat(v Value, i *big.Int, times Value) Value {
	n := 0
	if i.Sign() > 0 {
		if !i.IsInt64() || i.Int64() > 1<<31 {
			r.fail("a text or list is repeated too often")
		}
		n = int(i.Int64())
	}
	items := func(list []Value) []Value {
		r.made(16 * len(list) * n)
		out := make([]Value, 0, len(list)*n)
		for range n {
			if len(list) == 0 {
				break
			}
			out = append(out, list...)
		}
		return out
	}
	switch v := v.(type) {
	case string:
		r.made(len(v) * n)
		return strings.Repeat(v, n)
	case *List:
		return &List{items(v.Items)}
	case *tuple:
		return &tuple{items: items(v.items)}
	}
	r.fail("unsupported operand type(s) for *: '%s' and '%s'", typeName(v), typeName(times))
	return nil
}

func (r *run) intBinary(op string, a, b *big.Int) Value {
	switch op {
	case "+":
		return r.bounded(new(big.Int).Add(a, b))
	case "-":
		return r.bounded(new(big.Int).Sub(a, b))
	case "*":
		return r.bounded(new(big.Int).Mul(a, b))
	case "**":
		if b.Sign() < 0 {
			if a.Sign() == 0 {
				r.fail("0.0 cannot be raised to a negative power")
			}
			return r.floatPower(r.toFloat(normal(a)), normal(b))
		}
		if a.BitLen() > 1 && (!b.IsInt64() || b.Int64() > int64(maxBits/(a.BitLen()-1))) {
			r.fail("a whole number has more than %d bits", maxBits)
		}
		if a.BitLen() <= 1 { // 0, 1 or -1
			if b.Sign() == 0 || a.Sign() < 0 && b.Bit(0) == 0 {
				return int64(1)
			}
			return normal(a)
		}
		return r.bounded(new(big.Int).Exp(a, b, nil))
	}
	if b.Sign() == 0 {
		if op == "/" {
			r.fail("division by zero")
		}
		r.fail("integer division or modulo by zero")
	}
	switch op {
	case "/":
		f, _ := new(big.Rat).SetFrac(a, b).Float64()
		if math.IsInf(f, 0) {
			r.fail("integer division result too large for a float")
		}
		if f == 0 { // a zero has no sign here
			f = 0
		}
		return f
	case "//", "%":
		q, m := new(big.Int).QuoRem(a, b, new(big.Int))
		if m.Sign() != 0 && m.Sign() != b.Sign() { // Python rounds down
			q.Sub(q, big.NewInt(1))
			m.Add(m, b)
		}
		if op == "%" {
			return normal(m)
		}
		return normal(q)
	}
	panic("operator " + op)
}

func (r *run) floatBinary(op string, a, b float64) Value {
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	}
	if b == 0 {
		if op == "/" {
			r.fail("float division by zero")
		}
		r.fail("float floor division by zero")
	}
	if op == "/" {
		return a / b
	}
	// Python's floor division: the remainder has the sign of the divisor.
	m := math.Mod(a, b)
	q := (a - m) / b
	if m != 0 {
		if (b < 0) != (m < 0) {
			m += b
			q--
		}
	} else {
		m = math.Copysign(0, b)
	}
	if op == "%" {
		return m
	}
	if q == 0 {
		return math.Copysign(0, a/b)
	}
	floor := math.Floor(q)
	if q-floor > 0.5 {
		floor++
	}
	return floor
}

// floatPower raises to whole powers, exactly rounded. Other powers depend on a C library.
func (r *run) floatPower(a float64, exponent Value) Value {
	var n int64
	switch e := exponent.(type) {
	case float64:
		if e != math.Trunc(e) || math.Abs(e) > 1024 {
			r.fail("** with the exponent %s is not supported", floatText(e))
		}
		n = int64(e)
	default:
		i, _ := intOf(e)
		if !i.IsInt64() || i.Int64() > 1024 || i.Int64() < -1024 {
			r.fail("** of a float with this exponent is not supported")
		}
		n = i.Int64()
	}
	if math.IsNaN(a) || math.IsInf(a, 0) || a == 0 && n <= 0 {
		if n == 0 {
			return 1.0
		}
		r.fail("** of %s is not supported", floatText(a))
	}
	x := new(big.Rat).SetFloat64(a)
	if n < 0 {
		x.Inv(x)
	}
	out := big.NewRat(1, 1)
	for range max(n, -n) {
		r.step(10)
		if out.Num().BitLen() > 1<<16 || out.Denom().BitLen() > 1<<16 {
			r.fail("** of %s with this exponent is not supported", floatText(a))
		}
		out.Mul(out, x)
	}
	f, _ := out.Float64()
	if math.IsInf(f, 0) {
		r.fail("the result of ** is too large")
	}
	return f
}

// floatText is Python's repr of a float.
func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exponent, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exponent < -4 || exponent >= 16 {
		return s // at least two digits in the exponent, in Go as in Python
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// parseInt is Python's int(text, base).
func parseInt(s string, base int) (*big.Int, bool) {
	s = strings.TrimFunc(s, isSpace)
	sign := ""
	if s != "" && (s[0] == '+' || s[0] == '-') {
		sign, s = s[:1], s[1:]
	}
	if len(s) > 2 && s[0] == '0' {
		prefix := map[byte]int{'x': 16, 'o': 8, 'b': 2}[lower(s[1])]
		if prefix != 0 && (base == prefix || base == 0) {
			base, s = prefix, strings.TrimPrefix(s[2:], "_")
		}
	}
	if base == 0 {
		if strings.Trim(s, "0_") != "" && s[0] == '0' {
			return nil, false
		}
		base = 10
	}
	if s == "" || s[0] == '_' || s[len(s)-1] == '_' || strings.Contains(s, "__") || len(s) > 4300 {
		return nil, false
	}
	s = strings.ReplaceAll(s, "_", "")
	if s[0] == '+' || s[0] == '-' {
		return nil, false
	}
	return new(big.Int).SetString(sign+s, base)
}

// parseFloat is Python's float(text).
func parseFloat(s string) (float64, bool) {
	s = strings.TrimFunc(s, isSpace)
	if strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i+1 == len(s) || s[i-1] < '0' || s[i-1] > '9' || s[i+1] < '0' || s[i+1] > '9') {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}
