package synth

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// The embedded base model was trained on exactly this text: if a hash changes, the model and its tokenizer must be made
// again.
const (
	wantGeneral = "2af1cedc399fae5d00b60ea3752acdf94bd63a26a6f5303ced87f09720040587"
	wantDomain  = "45ff8fd5d11e3e9cc1eeb4560bd1aef79d0396133c4474fbdbd7d83471214b8c"
	wantProbe   = "5b664cdcc09770a57ec024c8d67a609f4320df814751e7c3a8e64558cbcd3f41"
	wantRepeats = "67977f48c3fcf88012614e292fb2ee11fce1e8d326b6aaea8bc1297890b7fce3"
)

// text joins segments.
func text(segs []Segment) string {
	var b strings.Builder
	for _, s := range segs {
		b.WriteString(s.Text)
	}
	return b.String()
}

var piece = regexp.MustCompile(`[A-Za-z]+|[0-9]+|[^\sA-Za-z0-9]|\n`)

// bound is an upper estimate of the tokens of a text: a word of the lexicon or of the language is one token, but longer
// than eight letters it counts as three, and a number as two.
func bound(s string) int {
	n := 0
	for _, p := range piece.FindAllString(s, -1) {
		switch {
		case len(p) > 8:
			n += 3
		case p[0] >= '0' && p[0] <= '9':
			n += 2
		default:
			n++
		}
	}
	return n
}

func TestDocumentsNeverChange(t *testing.T) {
	for _, c := range []struct {
		name, want string
		doc        func(i uint64) string
	}{
		{"General", wantGeneral, func(i uint64) string { return General(1, i) }},
		{"Domain", wantDomain, func(i uint64) string { return fmt.Sprintf("%v", Domain(1, i, Split(i%3))) }},
		{"CopyProbe", wantProbe, func(i uint64) string { return fmt.Sprintf("%v", CopyProbe(1, i)) }},
		{"Repeats", wantRepeats, func(i uint64) string { return Repeats(1, i, 2+int(i%11)) }},
	} {
		forwards, backwards := make([]string, 300), make([]string, 300)
		for i := range forwards {
			forwards[i] = c.doc(uint64(i))
		}
		for i := len(backwards) - 1; i >= 0; i-- {
			backwards[i] = c.doc(uint64(i))
		}
		h := sha256.New()
		for i, s := range forwards {
			if s != backwards[i] {
				t.Fatalf("%s: document %d depends on the documents made before it:\n%s\n%s", c.name, i, s, backwards[i])
			}
			fmt.Fprintln(h, s)
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != c.want {
			t.Errorf("%s: the text has changed: sha256 %s, want %s", c.name, got, c.want)
		}
	}
	if General(1, 0) == General(2, 0) || General(1, 0) == General(1, 1) {
		t.Error("documents of different seeds or indices are equal")
	}
}

func TestShareOfCopying(t *testing.T) {
	var copying, all int
	for i := range uint64(3000) {
		for _, p := range general(3, i) {
			n := size(p.text)
			all += n
			if p.copying {
				copying += n
			}
		}
	}
	if share := float64(copying) / float64(all); share < 0.30 || share > 0.75 {
		t.Errorf("lists and look-ups are %.2f of the tokens, want 0.30 to 0.75", share)
	} else {
		t.Logf("lists and look-ups: %.3f", share)
	}
}

func TestDocumentsFit(t *testing.T) {
	longest := func(name string, most int, doc func(i uint64) string) {
		t.Helper()
		longest, sum := 0, 0
		for i := range uint64(4000) {
			s := doc(i)
			if s == "" || strings.ContainsAny(s, "[]{}%") {
				t.Fatalf("%s %d: marks or slots are left in %q", name, i, s)
			}
			longest, sum = max(longest, bound(s)), sum+bound(s)
		}
		if longest > most {
			t.Errorf("%s: a document may have %d tokens, want at most %d", name, longest, most)
		}
		t.Logf("%s: at most %d tokens, mean %d", name, longest, sum/4000)
	}
	longest("General", 254, func(i uint64) string { return General(5, i) })
	longest("Domain", 254, func(i uint64) string { return text(Domain(5, i, Split(i%3))) })
	longest("CopyProbe", 254, func(i uint64) string { return text(CopyProbe(5, i)) })
}

func TestCopyProbeRepeatsEarlierWords(t *testing.T) {
	for i := range uint64(500) {
		before, targets := "", 0
		for _, s := range CopyProbe(11, i) {
			if s.Target {
				targets++
				if !strings.HasPrefix(s.Text, " ") || !strings.Contains(before, s.Text) {
					t.Fatalf("document %d: %q does not repeat anything in %q", i, s.Text, before)
				}
			}
			before += s.Text
		}
		if targets == 0 {
			t.Fatalf("document %d has no targets", i)
		}
	}
}

func TestRepeatsSayTheListAgain(t *testing.T) {
	for i := range uint64(500) {
		f := strings.Fields(Repeats(8, i, 12))
		words := f[2:] // after "say :"
		n := 1
		for n < len(words) && words[n] != words[0] {
			n++
		}
		if n < 2 || n > 12 || len(words) != 2*n && len(words) != 3*n {
			t.Fatalf("document %d: %d words, the first one again after %d: %q", i, len(words), n, f)
		}
		for k, w := range words {
			if w != words[k%n] {
				t.Fatalf("document %d: word %d is %q, want %q", i, k, w, words[k%n])
			}
		}
	}
}

var lower = regexp.MustCompile(`[a-z]+`)

func TestSplitsShareNoNames(t *testing.T) {
	language := map[string]bool{}
	for _, s := range shapes {
		for _, f := range append([]string{s.sql}, s.questions...) {
			for _, w := range lower.FindAllString(f, -1) {
				language[w] = true
			}
		}
	}
	for _, w := range []string{"table", "question", "sql"} {
		language[w] = true
	}
	for split := range splits {
		names := map[string]bool{}
		for i := range uint64(1500) {
			for _, w := range lower.FindAllString(text(Domain(2, i, split)), -1) {
				if language[w] {
					continue
				}
				names[w] = true
				if splitOf(w) != split {
					t.Fatalf("%v: the name %q belongs to %v", split, w, splitOf(w))
				}
			}
		}
		if len(names) < 300 {
			t.Errorf("%v: only %d names", split, len(names))
		}
	}
}

func TestDomainQueriesUseTheSchema(t *testing.T) {
	seen := map[string]bool{}
	for i := range uint64(2000) {
		segs := Domain(4, i, Train)
		if len(segs) != 2*Pairs {
			t.Fatalf("document %d has %d segments, want %d", i, len(segs), 2*Pairs)
		}
		schema, _, _ := strings.Cut(segs[0].Text, "\n")
		for k, s := range segs {
			if s.Target != (k%2 == 1) {
				t.Fatalf("document %d: segment %d: Target is %v", i, k, s.Target)
			}
			if !s.Target {
				continue
			}
			if !strings.HasPrefix(s.Text, " SELECT ") || !strings.HasSuffix(s.Text, " ;") {
				t.Fatalf("document %d: query %q", i, s.Text)
			}
			unquoted, value, _ := strings.Cut(s.Text, "'")
			seen[lower.ReplaceAllString(regexp.MustCompile(`[0-9]+`).ReplaceAllString(s.Text, "9"), "x")] = true
			for _, w := range lower.FindAllString(unquoted, -1) {
				if !strings.Contains(schema, " "+w) {
					t.Fatalf("document %d: %q is not in the schema %q", i, w, schema)
				}
			}
			for _, w := range lower.FindAllString(value, -1) {
				if !strings.Contains(segs[k-1].Text, " "+w) {
					t.Fatalf("document %d: the value %q is not in the question %q", i, w, segs[k-1].Text)
				}
			}
		}
	}
	if len(seen) != len(shapes) {
		t.Errorf("%d shapes of queries occur, want %d", len(seen), len(shapes))
	}
}

// General uses the words of SQL, but contains no query: a keyword is never followed by a name.
func TestGeneralHoldsNoQueries(t *testing.T) {
	after := regexp.MustCompile(`\b(SELECT|FROM|WHERE|BY|DISTINCT|MAX|MIN|AVG|SUM) ?(\(|[a-z]+)`)
	allowed := map[string]bool{"and": true, "on": true, "were": true, "stands": true, "drops": true, "find": true, "sorts": true}
	sql := 0
	for i := range uint64(5000) {
		s := General(6, i)
		if strings.Contains(s, "SELECT") {
			sql++
		}
		if strings.Contains(s, "sql") {
			t.Fatalf("document %d: %s", i, s)
		}
		for _, m := range after.FindAllStringSubmatch(s, -1) {
			if !allowed[m[2]] {
				t.Fatalf("document %d: %q in\n%s", i, m[0], s)
			}
		}
	}
	if sql == 0 {
		t.Error("the words of SQL do not occur")
	}
}

func TestWordForms(t *testing.T) {
	for _, c := range [][2]string{
		{plural("mouse/mice"), "mice"}, {plural("berry"), "berries"}, {plural("box"), "boxes"}, {plural("key"), "keys"},
		{regularPast("carry"), "carried"}, {regularPast("like"), "liked"}, {verbs("give/gave/given")[0].form("ing"), "giving"},
		{verbs("see/saw/seen")[0].form("ing"), "seeing"}, {verbs("go/went/gone")[0].form("s"), "goes"},
		{articles(`a old man has a[ egg], an[ axe] and a useful map. "A[ owl]"`), `an old man has an[ egg], an[ axe] and a useful map. "An[ owl]"`},
		{polish(`"what a honest man!," he said`), `"what an honest man!" he said`},
		{enumerate([]string{"a", "b", "c"}, " and", given), " a, b and c"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}
}

// Every template can be expanded: expand panics at an unknown slot.
func TestEveryRuleExpands(t *testing.T) {
	g := newGen(1, "test", 0)
	g.castNames()
	for name, list := range rules {
		for _, template := range list {
			if s := polish(g.expand(template)); s == "" || strings.ContainsAny(s, "{}") {
				t.Errorf("rule %s: %q gives %q", name, template, s)
			}
		}
	}
}
