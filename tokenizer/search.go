package tokenizer

import "sync"

// regex is a regular expression that finds what a backtracking engine finds, in a number of steps that grows with the length of
// the text and of the pattern, not with the number of ways through them.
//
// It tries the choices of a program in the same order as such an engine, and remembers of every pair of a choice and a place in the
// text how it ended: what is possible from there on depends on nothing else, as there are no references to groups. So no pair is
// tried twice. A search takes 4 bytes for every pair that it comes to, in pages of whole places.
type regex struct {
	source string
	*program
	searches *sync.Pool // *search
}

func newRegex(source string, p *program) *regex {
	return &regex{source: source, program: p, searches: &sync.Pool{New: func() any {
		return &search{program: p, runs: make([]lastRun, len(p.code))}
	}}}
}

// matches calls use for every match in order, in characters, until it returns false. A match may be empty.
func (p *regex) matches(text []rune, use func(start, end int) bool) {
	s := p.searches.Get().(*search)
	defer p.searches.Put(s)
	s.begin(text)
	for at := 0; at <= len(text); {
		end := s.run(0, at)
		switch {
		case end < 0:
			at++
		case !use(at, end):
			return
		case end == at:
			at++
		default:
			at = end
		}
		s.forget(at)
	}
}

// begins is the length of the match at the beginning of a text; −1 if there is none.
func (p *regex) begins(text []rune) int {
	s := p.searches.Get().(*search)
	defer p.searches.Put(s)
	s.begin(text)
	return s.run(0, 0)
}

// How a choice at a place ended. Larger numbers are reached plus the place where the match ended.
const (
	untried = iota
	failed
	running // it is being tried: coming to it again without reading a character leads nowhere
	reached
)

// pagePlaces is the number of places whose choices are remembered in one page.
const pagePlaces = 64

// search is the state of one search.
type search struct {
	*program
	text  []rune
	path  []step
	loops []int // places where a choice led to itself
	pages [][]uint32
	free  [][]uint32
	low   int // the first page that may be in use
	runs  []lastRun
}

// step is a choice on the path that is being tried.
type step struct {
	pc, at int
	second bool
}

// lastRun is the last run of characters that an opRun found, from one place to another: those that begin within it end with it.
type lastRun struct{ from, to int }

func (s *search) begin(text []rune) {
	s.forget(len(s.text) + pagePlaces) // of the text before
	s.text, s.low, s.path, s.loops = text, 0, s.path[:0], s.loops[:0]
	s.pages = append(s.pages[:0], make([][]uint32, len(text)/pagePlaces+1)...)
	for i := range s.runs {
		s.runs[i] = lastRun{}
	}
}

// forget gives up the pages of the places before at. They may be looked at again, which then takes new steps.
func (s *search) forget(at int) {
	for ; s.low < at/pagePlaces && s.low < len(s.pages); s.low++ {
		if page := s.pages[s.low]; page != nil {
			s.pages[s.low] = nil
			if len(s.free) < 4 {
				s.free = append(s.free, page)
			}
		}
	}
}

// outcome is what is remembered of a choice at a place.
func (s *search) outcome(choice, at int) *uint32 {
	page := s.pages[at/pagePlaces]
	if page == nil {
		if n := len(s.free); n > 0 {
			page, s.free = s.free[n-1], s.free[:n-1]
			clear(page)
		} else {
			page = make([]uint32, pagePlaces*s.choices)
		}
		s.pages[at/pagePlaces] = page
	}
	return &page[at%pagePlaces*s.choices+choice]
}

// run follows the instructions from pc on at a place of the text, and returns where the first match ends; −1 if there is none.
func (s *search) run(pc, at int) int {
	base, looped := len(s.path), len(s.loops)
	for {
		if next, end, ok := s.step(pc, at); !ok {
			if pc, at, ok = s.retreat(base); !ok {
				s.loops = s.loops[:looped]
				return -1
			}
		} else if next < 0 {
			s.succeed(base, looped, end)
			return end
		} else {
			pc, at = next, end
		}
	}
}

// retreat goes back to the last choice that has a second way. ok is false if there is none.
func (s *search) retreat(base int) (pc, at int, ok bool) {
	for len(s.path) > base {
		last := &s.path[len(s.path)-1]
		if !last.second {
			last.second = true
			return s.code[last.pc].y, last.at, true
		}
		*s.outcome(s.code[last.pc].choice, last.at) = failed
		s.path = s.path[:len(s.path)-1]
	}
	return 0, 0, false
}

// succeed remembers that the choices on the path have led to a match that ends at end. What failed because it led back to a choice
// of the path has not failed for good.
func (s *search) succeed(base, looped, end int) {
	for _, step := range s.path[base:] {
		*s.outcome(s.code[step.pc].choice, step.at) = uint32(reached + end)
	}
	s.path = s.path[:base]
	for _, at := range s.loops[looped:] {
		if page := s.pages[at/pagePlaces]; page != nil {
			for i, was := range page[at%pagePlaces*s.choices:][:s.choices] {
				if was != running { // of a path that this one is part of
					page[at%pagePlaces*s.choices+i] = untried
				}
			}
		}
	}
	s.loops = s.loops[:looped]
}

// step does one instruction and returns the next one with its place. A next of −1 says that a match ends at the place.
func (s *search) step(pc, at int) (next, place int, ok bool) {
	in := &s.code[pc]
	switch in.op {
	case opOne:
		if in.back {
			return pc + 1, at - 1, at > 0 && in.takes(s.text[at-1])
		}
		return pc + 1, at + 1, at < len(s.text) && in.takes(s.text[at])
	case opText:
		return s.word(in, pc, at)
	case opChoice:
		was := s.outcome(in.choice, at)
		switch {
		case *was == failed:
			return 0, 0, false
		case *was == running:
			s.loops = append(s.loops, at)
			return 0, 0, false
		case *was >= reached:
			return -1, int(*was - reached), true
		}
		*was = running
		s.path = append(s.path, step{pc: pc, at: at})
		return in.x, at, true
	case opJump:
		return in.x, at, true
	case opRun:
		return s.characters(in, pc, at)
	case opLook:
		return in.y, at, (s.run(in.x, at) >= 0) != in.negated
	case opAtomic:
		end := s.run(in.x, at)
		return in.y, end, end >= 0
	case opMatch:
		return -1, at, true
	}
	return pc + 1, at, s.holds(in.op, at)
}

// holds checks an instruction that reads no character.
func (s *search) holds(o op, at int) bool {
	switch o {
	case opBegin:
		return at == 0
	case opEnd:
		return at == len(s.text)
	case opLastEnd:
		return at == len(s.text) || at == len(s.text)-1 && s.text[at] == '\n'
	case opLineBegin:
		return at == 0 || s.text[at-1] == '\n'
	case opLineEnd:
		return at == len(s.text) || s.text[at] == '\n'
	}
	return false // opFail
}

// word reads the characters of an opText.
func (s *search) word(in *instruction, pc, at int) (next, place int, ok bool) {
	from, to := at, at+len(in.text)
	if in.back {
		from, to = at-len(in.text), at
	}
	if from < 0 || to > len(s.text) {
		return 0, 0, false
	}
	for i, r := range in.text {
		if s.text[from+i] != r {
			return 0, 0, false
		}
	}
	if in.back {
		return pc + 1, from, true
	}
	return pc + 1, to, true
}

// characters reads the characters of an opRun.
func (s *search) characters(in *instruction, pc, at int) (next, place int, ok bool) {
	if in.back {
		n := 0
		for n < in.max && at-n > 0 && in.takes(s.text[at-n-1]) {
			n++
		}
		return pc + 1, at - n, n >= in.min
	}
	last := &s.runs[pc]
	if at < last.from || at >= last.to { // not within the run of the last time
		to := at
		for to < len(s.text) && to-at < in.max && in.takes(s.text[to]) {
			to++
		}
		if to-at == in.max { // it may be longer
			return pc + 1, to, true
		}
		*last = lastRun{at, to}
	}
	return pc + 1, min(last.to, at+in.max), last.to-at >= in.min
}

func (p *regex) String() string { return p.source }
