package synth

import (
	"fmt"
	"strings"
)

// copyTask writes one task in which random words are repeated; the copies are marked. Every task begins with a real word, so
// that no name begins a document and so lacks its space.
type copyTask func(g *gen) string

// copyTasks of General; the simpler ones are listed more often. probeTasks are those whose copies are fully determined by
// the text before them.
var (
	copyTasks = []copyTask{sequence, sequence, sequence, pairs, pairs, lookup, lookup, lookup, roster, roster, roster,
		naming, naming, owners, report, report, echo, positions}
	probeTasks = []copyTask{sequence, pairs, lookup, roster, naming, owners}
)

// task writes one of the tasks.
func (g *gen) task(list []copyTask) string { return articles(pick(g, list)(g)) }

// sequence repeats some words: "Words: a b c. Again: a b c."
func sequence(g *gen) string {
	heads := [][2]string{{"Words:", ". Again:"}, {"He read:", ". She read:"}, {"This time:", ". Next time:"},
		{"Copy this:", ". The copy:"}, {"They sang", ", and again"}, {"The wall says", ", and the paper says"},
		{"words :", " ; again :"}}
	h := pick(g, heads)
	draw := g.thing
	switch g.Intn(4) {
	case 0:
		draw = g.person
	case 1:
		draw = g.object
	}
	list := distinct(g.between(3, 9), draw)
	sep := pick(g, []string{"", "", "", ",", " ,", " and"})
	var b strings.Builder
	for round := range g.between(2, 3) {
		if round > 0 {
			b.WriteString(h[1])
		} else {
			b.WriteString(h[0])
		}
		for i, w := range list {
			if i > 0 {
				b.WriteString(sep)
			}
			if round > 0 {
				b.WriteString(copied(w))
			} else {
				b.WriteString(given(w))
			}
		}
	}
	return b.String() + "."
}

// pairs lists words in twos and asks for the second of each pair.
func pairs(g *gen) string {
	n := g.between(2, 7)
	list := distinct(2*n, g.thing)
	if g.chance(30) {
		list = distinct(2*n, g.person)
	}
	join := pick(g, []string{"", "", "", " to", " with", " =", " :"})
	var b strings.Builder
	b.WriteString(pick(g, []string{"Pairs:", "These go together:", "pairs :", "Match:"}))
	for i := range n {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(given(list[2*i]) + join + given(list[2*i+1]))
	}
	b.WriteString(". " + pick(g, []string{"So:", "Once more:", "so :", "In another order:"}))
	for k, i := range g.Perm(n) {
		if k > 0 {
			b.WriteString(",")
		}
		b.WriteString(given(list[2*i]) + join + copied(list[2*i+1]))
	}
	return b.String() + "."
}

// lookup is a table of keys and values, and asks for some of the values.
func lookup(g *gen) string {
	type form struct{ head, entry, sep, ask string }
	f := pick(g, []form{
		{"Look:", " the %s:%s", ";", " What is in the %s? It is%s."},
		{"Look here:", " in the %s is%s", ",", " In the %s there is%s."},
		{"list :", " %s :%s", " ;", " question : %s ? answer :%s."},
		{"The shelves hold this:", " the %s,%s", ";", " Take the %s:%s."},
		{"Meanings:", " %s means%s", ",", " What does %s mean? It means%s."},
		{"Prices:", " %s costs%s", ",", " What does %s cost? It costs%s."},
		{"entries :", " %s =%s", " ,", " get %s :%s ;"},
	})
	n := g.between(2, 6)
	keys, values := distinct(n, g.object), distinct(n, g.value)
	if strings.Contains(f.head, "Prices") {
		values = distinct(n, g.number)
	}
	var b strings.Builder
	b.WriteString(f.head)
	for i := range n {
		if i > 0 {
			b.WriteString(f.sep)
		}
		fmt.Fprintf(&b, f.entry, keys[i], given(values[i]))
	}
	b.WriteString(".")
	for _, i := range g.Perm(n)[:g.between((n+1)/2, n)] {
		fmt.Fprintf(&b, f.ask, keys[i], copied(values[i]))
	}
	return b.String()
}

// roster lists people or things and lists them again in the same order, sometimes after a sentence or two.
func roster(g *gen) string {
	type form struct{ first, then string }
	if g.chance(40) {
		f := pick(g, []form{
			{"The table held these:%s.", " They packed all of it:%s."},
			{"We need%s.", " So we bought%s."},
			{"In the bag there were%s.", " Out of the bag came%s."},
			{"The shop sells%s.", " The list on the door says%s."},
			{"parts :%s ;", " check parts :%s ;"},
		})
		list := distinct(g.between(2, 6), g.value)
		return fmt.Sprintf(f.first, enumerate(list, " and", given)) + g.interlude() +
			fmt.Sprintf(f.then, enumerate(list, " and", copied))
	}
	f := pick(g, []form{
		{"The guests were%s.", " Then came%s."},
		{"The teacher called%s.", " Into the room walked%s."},
		{"On the list stood%s.", " The clerk read:%s."},
		{"The team was made of%s.", " The prize went to%s."},
		{"Letters came for%s.", " Answers were written by%s."},
		{"guests :%s ;", " seats :%s ;"},
	})
	draw := g.person
	if g.chance(20) {
		draw = g.place
	}
	list := distinct(g.between(2, 7), draw)
	return fmt.Sprintf(f.first, enumerate(list, " and", given)) + g.interlude() +
		fmt.Sprintf(f.then, enumerate(list, " and", copied))
}

// interlude puts some distance between a list and its copy.
func (g *gen) interlude() string {
	var b strings.Builder
	for range max(0, g.between(-2, 2)) {
		b.WriteString(" " + g.sentence())
	}
	return b.String()
}

// naming introduces names for people of several trades and uses them.
func naming(g *gen) string {
	type form struct{ give, ask string }
	f := pick(g, []form{
		{"the %s is called%s", "The name of the %s is%s."},
		{"the %s was named%s", "People called the %s by name:%s."},
		{"the name of the %s was%s", "Who was the %s? It was%s."},
		{"a %s lives in%s", "The home of the %s is%s."},
		{"the %s came from%s", "Where was the %s born? In%s."},
	})
	draw := g.person
	if strings.Contains(f.give, "lives") || strings.Contains(f.give, "came") {
		draw = g.place
	}
	n := g.between(2, 5)
	jobs := distinct(n, func() string { return singular(pick(g, roles)) })
	names := distinct(n, draw)
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(" ")
		}
		b.WriteString(capital(fmt.Sprintf(f.give, jobs[i], given(names[i]))) + ".")
	}
	b.WriteString(g.interlude())
	for _, i := range g.Perm(n) {
		b.WriteString(" " + fmt.Sprintf(f.ask, jobs[i], copied(names[i])))
	}
	return b.String()
}

// owners says who has what, and asks for the things by their owners.
func owners(g *gen) string {
	type form struct{ give, ask string }
	f := pick(g, []form{
		{" %s has a%s.", " What does %s have? %s has a%s."},
		{" %s bought the%s.", " What did %s buy? %s bought the%s."},
		{" %s likes%s.", " And %s? Yes, %s likes%s."},
		{" %s drew a%s.", " Look at %s: %s drew a%s."},
	})
	n := g.between(2, 5)
	names, values := distinct(n, g.person), distinct(n, g.value)
	b := pick(g, []string{"Listen.", "So it was.", "Here is what we know.", "Well then."})
	for i := range n {
		b += fmt.Sprintf(f.give, names[i], given(values[i]))
	}
	for _, i := range g.Perm(n)[:g.between((n+1)/2, n)] {
		b += fmt.Sprintf(f.ask, names[i], names[i], copied(values[i]))
	}
	return b
}

// report tells of an event and then lists its parts under labels: words are copied by their role.
func report(g *gen) string {
	who, whom := g.person(), g.person()
	item, where, count, price := g.thing(), g.place(), g.number(), g.number()
	type form struct{ text, note string }
	f := pick(g, []form{
		{"In {where} {who} sold {count} {item} to {whom} for {price} coins.",
			"note : seller{who} , buyer{whom} , item{item} , count{count} , price{price} , place{where} ."},
		{"The farmer {who} sent {count} {item} from {where} to the baker {whom}.",
			"record : from{who} , to{whom} , place{where} , goods{item} , number{count} ."},
		{"On the road to {where}, {whom} met {who}, who carried {count} bags of {item}.",
			"Who carried the bags? It was{who}. Who met them? It was{whom}. What was in the bags?{item}. How many bags?{count}. Where did the road go? To{where}."},
		{"At the market of {where} a {item} costs {price} coins, said {who}.",
			"item :{item} ; price :{price} ; market :{where} ; source :{who} ."},
		{"The {item} of {where} is older than the {item} of {who}.",
			"older :{where} ; younger :{who} ; kind :{item} ."},
		{"How many {item} does {who} keep in {where}? I think {count} or {price}.",
			"find{item} of{who} at{where} between{count} and{price} ."},
		{"Show me the {item} that {who} made for {whom} with {count} nails.",
			"show{item} by{who} for{whom} using{count} nails ."},
	})
	note := f.note
	text := f.text
	for _, p := range [][2]string{{"{who}", who}, {"{whom}", whom}, {"{item}", item}, {"{where}", where}, {"{count}", count}, {"{price}", price}} {
		text = strings.ReplaceAll(text, p[0], p[1])
		note = strings.ReplaceAll(note, p[0], copied(p[1]))
	}
	return text + " " + note
}

// echo is a dialogue in which the answer repeats the words of the question.
func echo(g *gen) string {
	who, whom, value := g.person(), g.person(), g.value()
	place := g.place()
	return pick(g, []func() string{
		func() string {
			return fmt.Sprintf(`"Do you have a %s?" asked %s. "A%s?" said %s. "No, but ask in %s." So%s went to%s and asked for a%s.`,
				value, who, copied(value), whom, place, copied(who), copied(place), copied(value))
		},
		func() string {
			return fmt.Sprintf(`"My name is %s and I come from %s," said the %s. "Welcome,%s from%s," said %s. "I am%s."`,
				who, place, singular(often(g, roles)), copied(who), copied(place), whom, copied(whom))
		},
		func() string {
			return fmt.Sprintf(`Once %s dreamed of a %s. In %s nobody believed in the%s, but%s did. "There is no%s in%s," they said.`,
				who, value, place, copied(value), copied(who), copied(value), copied(place))
		},
	})()
}

// positions asks for the first, the last or the next element of a list.
func positions(g *gen) string {
	list := distinct(g.between(3, 6), g.thing)
	b := "The list is" + enumerate(list, " and", given) + "."
	for range g.between(1, 3) {
		switch g.Intn(4) {
		case 0:
			b += " The first is" + copied(list[0]) + "."
		case 1:
			b += " The last is" + copied(list[len(list)-1]) + "."
		default:
			i := g.Intn(len(list) - 1)
			b += " After " + list[i] + " comes" + copied(list[i+1]) + "."
		}
	}
	return b
}

// CopyProbe returns document i of the copying test, in the style of General's copy tasks: its targets are random words that
// repeat earlier ones and are determined by the text before them.
func CopyProbe(seed, i uint64) []Segment {
	g := newGen(seed, "synth probe", i)
	text := g.task(probeTasks)
	for {
		next := g.task(probeTasks)
		if size(plain(text))+size(plain(next)) > 170 {
			return segments(text)
		}
		text += "\n" + next
	}
}
