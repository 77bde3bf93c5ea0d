package asm

// Prefetch asks for a row that will be read or written soon, where the tier can
// ask; it changes nothing.
func Prefetch(row []float32) {
	if len(row) > 0 {
		prefetchTier(row)
	}
}
