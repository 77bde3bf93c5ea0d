//go:build !linux

package tensor

// preferHugePages does nothing: only Linux takes the hint.
func preferHugePages([]float32) {}
