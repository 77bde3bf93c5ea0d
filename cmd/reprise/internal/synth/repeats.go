package synth

import "strings"

// Repeats returns document i of the first lessons in copying: from two to longest random words, said two or three times. A
// model that starts with short lists learns within a million tokens to look up the past; the longer tasks of General alone
// do not teach it this in four million.
func Repeats(seed, i uint64, longest int) string {
	g := newGen(seed, "synth repeats", i)
	draw := g.thing
	if g.chance(40) {
		draw = g.person
	}
	once := " " + strings.Join(distinct(g.between(2, longest), draw), " ")
	return "say :" + strings.Repeat(once, g.between(2, 3))
}
