// Package exact has the exponential, the logarithm, the power, sine and cosine in float64 with the same bits on every processor,
// within 1 ulp. The results of package math differ between architectures, so this project does not use its functions of this
// kind. docs/NUMERICS.md derives the polynomials.
package exact
