package synth

import "strings"

// shape is one form of query with the questions that ask for it. In both, T is the table, A, B and C are columns, N and M
// numbers and V a text value; each is a word of its own between spaces.
type shape struct {
	sql       string
	questions []string
}

// shapes of the domain.
var shapes = []shape{
	{"SELECT A FROM T ;", []string{"list the A of every T", "show the A of all T", "what is the A of each T ?", "give me every A in T"}},
	{"SELECT A , B FROM T ;", []string{"list the A and the B of every T", "show A and B for all T", "what are the A and B of each T ?"}},
	{"SELECT A FROM T WHERE B = N ;", []string{"what is the A of the T with B equal to N ?", "show the A of T where B is N", "list the A of every T whose B is N"}},
	{"SELECT A FROM T WHERE B = ' V ' ;", []string{"what is the A of the T with B called V ?", "show the A of T where B is named V", "list the A of every T whose B reads V"}},
	{"SELECT A FROM T WHERE B > N ;", []string{"what is the A of the T with B above N ?", "show the A of T where B is more than N", "list the A of every T whose B is over N"}},
	{"SELECT A FROM T WHERE B < N ;", []string{"what is the A of the T with B below N ?", "show the A of T where B is less than N", "list the A of every T whose B is under N"}},
	{"SELECT COUNT ( * ) FROM T ;", []string{"how many T are there ?", "count all T", "give the number of T"}},
	{"SELECT COUNT ( * ) FROM T WHERE B = N ;", []string{"how many T have B equal to N ?", "count the T where B is N", "give the number of T whose B is N"}},
	{"SELECT MAX ( A ) FROM T ;", []string{"what is the largest A of any T ?", "find the highest A in T", "give the greatest A among all T"}},
	{"SELECT MIN ( A ) FROM T ;", []string{"what is the smallest A of any T ?", "find the lowest A in T", "give the least A among all T"}},
	{"SELECT AVG ( A ) FROM T ;", []string{"what is the average A of T ?", "find the mean A in T", "give the average A over all T"}},
	{"SELECT A FROM T ORDER BY B ;", []string{"list the A of every T sorted by B", "show the A of all T in the order of B"}},
	{"SELECT A FROM T ORDER BY B DESC LIMIT N ;", []string{"list the A of the N T with the largest B", "show the A of the top N T by B"}},
	{"SELECT DISTINCT A FROM T ;", []string{"what are the different A of T ?", "list each A in T only once", "show the distinct A of all T"}},
}

// Pairs is the number of question/query pairs in a Domain document.
const Pairs = 3

// Domain returns document i of a split of the domain: a schema of one or two tables, then three questions with their
// queries. The targets are the queries, each with its leading space and its final " ;". It has at most 256 tokens, typically
// about 130.
func Domain(seed, i uint64, split Split) []Segment {
	g := newGen(seed, "synth domain "+split.String(), i)
	t := g.tables(1+g.Intn(2), func() string { return g.splitThing(split) })
	notes := make([]string, len(t))
	for k := range t {
		notes[k] = t[k].notation()
	}
	text := strings.Join(notes, " ; ")
	var out []Segment
	for range Pairs {
		question, sql := g.pair(pick(g, t), split)
		out = append(out, Segment{Text: text + "\nquestion : " + question + "\nsql :"}, Segment{Text: " " + sql, Target: true})
		text = ""
	}
	return out
}

// splitThing draws a word of the split; one in twelve is fresh.
func (g *gen) splitThing(split Split) string {
	if g.Intn(12) != 0 {
		return pick(g, g.lex.bySplit[split])
	}
	for {
		if w := g.lex.fresh(g.RNG); splitOf(w) == split {
			return w
		}
	}
}

// pair asks one question about a table.
func (g *gen) pair(t table, split Split) (question, sql string) {
	s := pick(g, shapes)
	p := g.Perm(len(t.columns))
	value := map[string]string{"T": t.name, "A": t.columns[p[0]], "B": t.columns[p[1]], "N": g.number(), "V": g.splitThing(split)}
	fill := func(template string) string {
		f := strings.Split(template, " ")
		for i, w := range f {
			if v, ok := value[w]; ok {
				f[i] = v
			}
		}
		return strings.Join(f, " ")
	}
	return fill(pick(g, s.questions)), fill(s.sql)
}
