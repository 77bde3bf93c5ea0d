package asm

// fold adds 32 lanes: lane l += lane l+w for w = 16, 8, 4, 2, 1.
func fold(l [32]float32) float32 {
	for w := 16; w > 0; w /= 2 {
		for i := range w {
			l[i] += l[i+w]
		}
	}
	return l[0]
}

func fold64(l *[32]float64) float64 {
	for w := 16; w > 0; w /= 2 {
		for i := range w {
			l[i] += l[i+w]
		}
	}
	return l[0]
}

func sumGeneric(x []float32, lanes *[32]float32) float32 {
	for i, v := range x {
		lanes[i%32] += v
	}
	return fold(*lanes)
}

func dotGeneric(a, b []float32, lanes *[32]float32) float32 {
	b = b[:len(a)]
	for i, v := range a {
		lanes[i%32] = FMA(v, b[i], lanes[i%32])
	}
	return fold(*lanes)
}

// maxGeneric returns the maximum over 32 lanes that start at -Inf, and whether
// it met a NaN. Which of +0 and -0 is returned depends on the order of the lanes.
func maxGeneric(x []float32, lanes *[32]float32) (max float32, nan bool) {
	for i, v := range x {
		if v > lanes[i%32] {
			lanes[i%32] = v
		}
		nan = nan || v != v
	}
	l := *lanes
	for w := 16; w > 0; w /= 2 {
		for i := range w {
			if l[i+w] > l[i] {
				l[i] = l[i+w]
			}
		}
	}
	return l[0], nan
}

// moments64Generic adds the moments of at most one block of 4,096 to the lanes
// of g², gm and m². The product of two float32 is exact in float64, so each
// addition rounds once.
func moments64Generic(g, m []float32, lanes *[3][32]float64) {
	m = m[:len(g)]
	for i, v := range g {
		a, b := float64(v), float64(m[i])
		lanes[0][i%32] += float64(a * a)
		lanes[1][i%32] += float64(a * b)
		lanes[2][i%32] += float64(b * b)
	}
}

func sumSquares64Generic(x []float32, lanes *[32]float64) {
	for i, v := range x {
		a := float64(v)
		lanes[i%32] += float64(a * a)
	}
}
