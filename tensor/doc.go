// Package tensor holds what the model computes with: row-major matrices, matrix
// products over the kernels of package asm, a pool of workers, and a
// counter-based random number generator.
//
// A matrix product is defined element by element:
//
//	acc = C[i][j] or +0
//	for k ascending: acc = fma(A[i][k], B[k][j], acc)
//	C[i][j] = acc
//
// The order of k is fixed; tiles, packing, blocks and the number of workers
// decide when an element is computed, never what it is. Results therefore have
// the same bits on every processor and with any number of workers.
//
//	pool := tensor.NewPool(0)
//	defer pool.Close()
//	a, b, c := tensor.NewMatrix(64, 32), tensor.NewMatrix(32, 16), tensor.NewMatrix(64, 16)
//	pool.MatMul(c, a, b, false)
package tensor
