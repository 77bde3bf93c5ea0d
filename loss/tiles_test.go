package loss

import "testing"

// Blocks cover every position once, in order; none is above Block, and none much smaller than the others.
func TestBlocks(t *testing.T) {
	for _, n := range []int{0, 1, Block - 1, Block, Block + 1, 3*Block - 7, 5 * Block} {
		at, smallest, largest := 0, Block, 0
		for lo, hi := range Blocks(n) {
			if lo != at || hi <= lo {
				t.Errorf("%d positions: a block from %d to %d after %d", n, lo, hi, at)
			}
			smallest, largest, at = min(smallest, hi-lo), max(largest, hi-lo), hi
		}
		if at != n || largest > Block || largest-smallest > 1 && n > 0 {
			t.Errorf("%d positions: %d covered, blocks of %d to %d", n, at, smallest, largest)
		}
	}
}
