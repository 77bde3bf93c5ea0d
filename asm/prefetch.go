package asm

// Prefetch asks the processor to load a row that will soon be read or written, on
// tiers that have the instruction; it changes no value.
func Prefetch(row []float32) {
	if len(row) > 0 {
		prefetchTier(row)
	}
}
