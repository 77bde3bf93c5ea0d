package synth

import "strings"

// rules is the grammar: a slot in braces is replaced by one of its alternatives, which may have slots too. Slots without a
// rule are word classes (see word), verb forms like {do.ed}, or members of the cast ({hero}, {friend}, {town}, {thing}).
var rules = map[string][]string{
	"np": {"the {noun}", "the {noun}", "the {adj} {noun}", "a {adj} {noun}", "a {noun}", "the {noun} {rel}", "{his} {noun}",
		"the {noun} of the {role}", "some {food}", "{number} {nouns}", "the {adj}, {adj} {noun}", "every {noun}", "this {noun}"},
	"noun":  {"{object}", "{object}", "{food}", "{animal}", "{matter}", "{madeup}"},
	"nouns": {"{objects}", "{animals}", "{foods}"},
	"rel": {"that {hero} had {do.en}", "that nobody {do.ed}", "from {town}", "with the {adj} {object}", "in the {site}",
		"which was made of {material}", "that the {role} {do.ed} {when}", "whose {matter} was {adj}"},
	"his": {"his", "her", "their", "our", "my", "your"},
	"he":  {"he", "she", "they", "{hero}", "{friend}", "the {role}"},
	"when": {"in {month}", "on {day}", "in the morning", "at night", "yesterday", "last year", "before dinner", "after the rain",
		"every day", "one evening", "{number} {unit} ago", "in the winter", "that summer"},
	"where": {"in the {site}", "near the {site}", "behind the {adj} {site}", "under the {object}", "in {town}", "on the road to {town}",
		"between the {site} and the {site}", "at the {site} of {town}", "across the {site}", "by the {site}"},
	"to": {"to the {site}", "to {town}", "into the {adj} {site}", "over the {site}", "through the {site}", "towards the {site}",
		"up to the {site}", "back to {town}", "past the {site}"},
	"why": {"because {he} {was} {adj}", "because it was {adj}", "since the {site} was {adj}", "because {he} wanted {np}",
		"so that {he} could {do} {np}", "in order to {do} {np}", "because the {role} had {do.en} {np}", "although it was {adj}",
		"even though {he} did not {do} {np}"},
	"was":    {"was", "was", "seemed", "felt", "became", "looked"},
	"modal":  {"could", "would", "should", "might", "must", "had to", "wanted to", "tried to", "began to", "did not"},
	"link":   {"Then", "So", "But", "Later", "After that", "At last", "Soon", "Meanwhile", "Still", "However,", "And then", "In the end"},
	"clause": {"{hero} {do.ed} {np}", "{he} {go.ed} {to}", "the {role} {be.ed} {adv}", "it was {adj}", "{friend} {modal} {do} {np}", "there was {np} {where}"},
	"speech": {"I {do} {np}", "Where is the {noun}?", "I am {adj}", "You {modal} {do} {np}", "We must {go} {to}", "Who {do.ed} my {noun}?",
		"The {noun} is {adj}", "Do not {do} the {noun}", "There is no {noun} in {town}", "Please {do} {np}", "What a {adj} {noun}!",
		"How {adj} you are!", "Can you {do} {np}?", "My {role} {do.s} {np}", "It will be {adj} {when}"},
	"open": {
		"Once there was a {adj} {role} called {hero} who lived in {town}.",
		"{hero} was a {role} in {town}, a {adj} place with a {site} and a {site}.",
		"Long ago, in the {adj} town of {town}, a {role} named {hero} {do.ed} {np}.",
		"This is the story of {hero}, the {adj} {role} of {town}.",
		"It was {adj} in {town} {when}, and {hero} {was} {adj}.",
		"Nobody in {town} knew why {hero} {do.ed} {np}.",
		"{when}, {hero} and {friend} {go.ed} {to}.",
		"There were two friends in {town}: {hero} was {adj}, and {friend} was {adj}.",
		"{hero} had a {thing}, and the {thing} was {adj}.",
		"My {role} {hero} has always {do.en} {np}."},
	"step": {
		"{hero} {do.ed} {np} {where}.", "{he} {do.ed} {np} {why}.", "{link} {hero} {go.ed} {to}.", "{link} {clause}.",
		"{when}, {clause}, and {clause}.", "{hero} {be.ed} {adv} {where}.", "{friend} was {do.ing} {np} when {clause}.",
		"If {he} {do.ed} {np}, the {role} would {be}.", "{he} {modal} {do} {np}, but {clause}.", "While {hero} was {do.ing} {np}, {friend} {be.ed}.",
		"\"{speech},\" {say.ed} {hero}.", "\"{speech},\" {say.ed} {friend} {adv}.", "\"{speech},\" {say.ed} {hero}. \"{speech},\" {say.ed} {friend}.",
		"{hero} {say.ed} that {clause}.", "The {role} {say.ed}, \"{speech}.\"", "{he} {modal} {do} {np} {why}.", "The {noun} was {adj} and {adj}.",
		"{friend} gave {hero} {np}.", "{hero} {do.ed} the {thing} and {do.ed} {np}.", "The {thing} {was} {adv} {adj}.",
		"{np} was {do.en} by the {role} of {town}.", "Having {do.en} {np}, {he} {go.ed} {to}.", "{he} never {do.ed} {np} again.",
		"No one {do.ed} the {thing}, not even {friend}.", "{hero} knew that the {thing} was {adj}.", "{friend}, who was {adj}, {do.ed} {np}.",
		"As soon as {clause}, {clause}.", "{hero} asked {friend} to {do} {np}.", "{link} {he} {do.ed} the {adj} {noun}, {why}.",
		"First {clause}, then {clause}.", "Both {hero} and {friend} {do.ed} {np}.", "{he} had {number} {nouns} and {do.ed} them all."},
	"end": {
		"In the end {hero} {do.ed} the {thing} and {was} {adj}.", "{hero} and {friend} {be.ed} {adv} ever after.", "And so the {thing} stayed in {town}.",
		"From that day {hero} {do.ed} {np} every {day}.", "That is why people in {town} {do} {nouns}.", "{friend} {be.ed}, and {hero} {go.ed} home.",
		"Nobody {do.ed} the {thing} again.", "\"{speech},\" {say.ed} {hero}, and they all {be.ed}.", "They {go.ed} back {to}, {adj} but {adj}."},
	"sentence": {
		"The {role} {do.ed} {np} {where}.", "{when} the {role} {go.ed} {to}.", "It {was} {adj} {where}.", "The {animals} {be.ed} {adv}.",
		"Nobody {do.ed} the {noun}, {why}.", "The {site} was {adj} and {adj}.", "\"{speech},\" {say.ed} the {role}.",
		"The {adj} {role} {modal} {do} {np}.", "There were {number} {nouns} {where}.", "Some {animals} {do} {foods}, but this {animal} did not."},
	"fact": {
		"A {thing} is a kind of {noun} that people in {town} {do}.", "A {thing} is {adj} and made of {material}.", "Most {nouns} in {town} are {adj}.",
		"The {animal} is a {adj} animal that {do.s} {foods}.", "In {month} the {site} of {town} is {adj}.", "{town} has a {site}, a {site} and {number} {objects}.",
		"The people of {town} {do} {foods} and {do} {objects}.", "A {role} {do.s} {np} every {day}.", "{animals} are {adj}, but {animals} are {adj}.",
		"Every {role} needs a {adj} {object} and some {food}.", "The {thing} was first {do.en} by {hero}, a {role} from {town}.",
		"It takes {number} {unit} to {go} from {town} {to}.", "{material} is {adj}, while {material} is {adj}.", "If a {thing} is {adj}, it is {adv} {do.en}.",
		"{foods} and {foods} are sold {where}.", "The {thing} weighs about {digits} {unit}, which is {adj} for a {noun}.",
		"There are {digits} {nouns} in {town} and {digits} in the next town.", "{hero} was born in {town} and became a {adj} {role}.",
		"Without {food}, no {animal} can {be} {where}.", "The {adj} {site} is older than the {adj} {site}.", "Do you know what a {thing} is? It is a {adj} {noun}.",
		"People say that the {thing} {do.s} {np}, {why}.", "A good {role} is never {adj}."},
}

// word draws from a class of words.
func (g *gen) word(class string) (string, bool) {
	switch class {
	case "adj":
		return often(g, adjectives), true
	case "adv":
		return often(g, adverbs), true
	case "object":
		return singular(often(g, objects)), true
	case "objects":
		return plural(often(g, objects)), true
	case "food":
		return singular(often(g, foods)), true
	case "foods":
		return plural(often(g, foods)), true
	case "animal":
		return singular(often(g, animals)), true
	case "animals":
		return plural(often(g, animals)), true
	case "role":
		return singular(often(g, roles)), true
	case "site":
		return singular(often(g, sites)), true
	case "matter":
		return singular(often(g, matters)), true
	case "material":
		return often(g, materials), true
	case "number":
		return often(g, numbers), true
	case "month":
		return pick(g, months), true
	case "day":
		return pick(g, days), true
	case "unit":
		return often(g, units), true
	case "madeup":
		return pick(g, g.lex.things), true
	case "digits":
		return g.number(), true
	}
	list, form, _ := strings.Cut(class, ".")
	switch list {
	case "do":
		return often(g, doing).form(form), true
	case "go":
		return often(g, moving).form(form), true
	case "be":
		return often(g, being).form(form), true
	case "say":
		return often(g, saying).form(form), true
	}
	name, ok := g.cast[class]
	return name, ok
}

// expand replaces the slots of a template until none is left. An unknown slot is a mistake in the rules above.
func (g *gen) expand(template string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(template, '{')
		if open < 0 {
			b.WriteString(template)
			return b.String()
		}
		end := open + strings.IndexByte(template[open:], '}')
		b.WriteString(template[:open])
		slot := template[open+1 : end]
		template = template[end+1:]
		if list, ok := rules[slot]; ok {
			b.WriteString(g.expand(pick(g, list)))
		} else if w, ok := g.word(slot); ok {
			b.WriteString(w)
		} else {
			panic("synth: no rule for the slot " + slot)
		}
	}
}

// polish capitalises the sentence and the quotation, writes "an" before vowels, and drops doubled marks.
func polish(s string) string {
	s = strings.NewReplacer("?,\"", "?\"", "!,\"", "!\"", "?.\"", "?\"", "!.\"", "!\"", ",,", ",").Replace(s)
	return capital(articles(s))
}

// castNames chooses the names of a story or of some facts.
func (g *gen) castNames() {
	p := distinct(2, func() string { return often(g, g.lex.people) })
	g.cast["hero"], g.cast["friend"] = p[0], p[1]
	g.cast["town"] = often(g, g.lex.places)
	g.cast["thing"] = often(g, g.lex.things)
}

// paragraph writes one sentence for each rule.
func (g *gen) paragraph(names ...string) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(polish(g.expand(pick(g, rules[name]))))
	}
	return b.String()
}

// story is a short story of four to nine sentences.
func (g *gen) story() string {
	g.castNames()
	names := []string{"open"}
	for range g.between(2, 7) {
		names = append(names, "step")
	}
	return g.paragraph(append(names, "end")...)
}

// facts are three to seven statements about one place and one thing.
func (g *gen) facts() string {
	g.castNames()
	var names []string
	for range g.between(3, 7) {
		names = append(names, "fact")
	}
	return g.paragraph(names...)
}

// sentence is a sentence by itself.
func (g *gen) sentence() string {
	g.castNames()
	return g.paragraph("sentence")
}
