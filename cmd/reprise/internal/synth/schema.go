package synth

import (
	"fmt"
	"strings"
)

// table is one table of a schema.
type table struct {
	name    string
	columns []string
}

// notation is the text form of a table, the same in General and in Domain: "table morin : velar , tosk".
func (t table) notation() string { return "table " + t.name + " : " + strings.Join(t.columns, " , ") }

// again writes the columns as copies, each with its leading space.
func (t table) again() string {
	marked := make([]string, len(t.columns))
	for i, c := range t.columns {
		marked[i] = copied(c)
	}
	return strings.Join(marked, " ,")
}

// tables draws n tables of three to five columns, all names different.
func (g *gen) tables(n int, draw func() string) []table {
	sizes := make([]int, n)
	total := n
	for i := range sizes {
		sizes[i] = g.between(3, 5)
		total += sizes[i]
	}
	names := distinct(total, draw)
	out := make([]table, n)
	for i, k := range sizes {
		out[i] = table{names[0], names[1 : 1+k]}
		names = names[1+k:]
	}
	return out
}

// schemaNote is General's text about tables and queries: schemas that are listed, repeated and looked up, and the
// words of SQL in remarks. It never holds a question with the query that answers it.
func (g *gen) schemaNote() string {
	switch g.Intn(6) {
	case 0: // the same schema twice
		t := g.tables(g.between(1, 2), g.thing)
		var first, again []string
		for _, x := range t {
			first = append(first, x.notation())
			again = append(again, "table"+copied(x.name)+" :"+x.again())
		}
		return strings.Join(first, " ; ") + "\ncopy " + strings.Join(again, " ; ") + " ;"
	case 1: // which table has a column
		t := g.tables(2, g.thing)
		var b strings.Builder
		b.WriteString(t[0].notation() + " ; " + t[1].notation())
		for range g.between(1, 3) {
			x := t[g.Intn(2)]
			c := pick(g, x.columns)
			fmt.Fprintf(&b, "\nquestion : which table has the column %s ? answer :%s", c, copied(x.name))
		}
		return b.String()
	case 2: // the columns of a table
		t := g.tables(2, g.thing)
		x := t[g.Intn(2)]
		return fmt.Sprintf("%s ; %s\nquestion : which columns are in the table %s ? answer :%s", t[0].notation(), t[1].notation(),
			x.name, x.again())
	case 3: // values of a row
		t := g.tables(1, g.thing)[0]
		var b strings.Builder
		b.WriteString(t.notation() + "\nrow :")
		values := make([]string, len(t.columns))
		for i, c := range t.columns {
			if values[i] = g.number(); g.chance(40) {
				values[i] = g.thing()
			}
			if i > 0 {
				b.WriteString(" ,")
			}
			b.WriteString(" " + c + " = " + values[i])
		}
		for _, i := range g.Perm(len(values))[:g.between(1, len(values))] {
			fmt.Fprintf(&b, "\nquestion : what is the %s ? answer :%s", t.columns[i], copied(values[i]))
		}
		return b.String()
	case 4: // remarks about the words of SQL
		q := distinct(g.between(2, 4), func() string { return pick(g, query) })
		return fmt.Sprintf(pick(g, []string{
			"The query uses%s. Its words are%s.",
			"words of the query :%s ; again :%s ;",
			"A clerk wrote%s on the wall, and the next day%s were still there.",
		}), enumerate(q, " and", given), enumerate(q, " and", copied))
	default:
		c := g.thing()
		return fmt.Sprintf(pick(g, []string{
			"The word WHERE stands before a condition such as %s = %s . The condition is about%s ;",
			"ORDER BY sorts the rows, and LIMIT keeps a few of them : %s , then %s . The order is by%s ;",
			"COUNT ( * ) counts rows, MAX and MIN find the ends of %s , such as %s in the column%s ;",
			"DISTINCT drops what comes twice in %s , for example %s . So says the note about%s ;",
			"The sign > means more and < means less : %s > %s or not. It depends on%s ;",
		}), c, g.number(), copied(c))
	}
}
