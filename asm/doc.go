// Package asm holds the arithmetic kernels of the engine: plain functions on
// float32 slices and integers, with the destination first.
//
// Every kernel has one portable definition (files *_generic.go) and twins in
// assembly for AVX2, AVX-512 and NEON. All of them return the same bits: a
// kernel is a fixed sequence of IEEE additions, multiplications, divisions,
// square roots and fused multiply-adds, and a twin may change where that
// sequence runs but not its order or its roundings. docs/NUMERICS.md states the
// sequences.
//
// The tier is chosen once at start-up from what the processor can do. The
// environment variable REPRISE_TIER (generic, neon, avx2 or avx512) asks for a
// lower one; Err reports a request that could not be met. The build tag purego
// leaves all assembly out.
//
// Programs use package tensor and what is built on it. This package can be
// imported so that its kernels can be read, tested and measured.
//
// Kernels check the lengths of their slices and panic when they disagree; they
// never read or write past a slice.
package asm
