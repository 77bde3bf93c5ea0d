package synth

import "strings"

// part is a paragraph of a General document.
type part struct {
	text    string
	copying bool // a list or a look-up that repeats random words
}

// A document has a budget of estimated tokens (size): it must fit in a sequence of 256, and documents of different lengths
// pack well.
const minSize, maxSize = 60, 210

// General returns document i of the general corpus: prose, facts, copy tasks, and notes about tables, up to about 240
// tokens long.
func General(seed, i uint64) string {
	var b strings.Builder
	for k, p := range general(seed, i) {
		if k > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.text)
	}
	return b.String()
}

// general returns the paragraphs of a document.
func general(seed, i uint64) []part {
	g := newGen(seed, "synth general", i)
	var parts []part
	left := g.between(minSize, maxSize)
	add := func(text string, copying bool) bool {
		text = plain(text)
		if n := size(text); n <= left || parts == nil {
			left -= n
			parts = append(parts, part{text, copying})
			return true
		}
		return false
	}
	switch k := g.Intn(100); {
	case k < 32: // a story, with a task when there is room
		add(g.story(), false)
		add(g.task(copyTasks), true)
	case k < 47:
		add(g.facts(), false)
		add(g.task(copyTasks), true)
	case k < 56:
		for add(g.schemaNote(), true) {
		}
	default:
		for add(g.task(copyTasks), true) {
		}
	}
	return parts
}
