// Package exact has the exponential, the logarithm, the power, sine and cosine in float64 with the same bits on every processor,
// within 1 ulp. Those of package math differ between architectures, and nothing here may use them. docs/NUMERICS.md derives the
// polynomials.
package exact
