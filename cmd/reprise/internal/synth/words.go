package synth

import "strings"

// The real words, commonest first: picking by the square of a uniform number makes the earlier ones more frequent.
// A verb is base, past, participle, -ing form separated by slashes; a noun is singular, plural. Missing forms are regular.
var (
	adjectives = fields(`old little big good new young small red long great white black green blue warm cold dark bright
		quiet happy kind strong round soft heavy early empty full deep tall short clean dry wet sweet sharp slow quick
		fresh rich poor wide narrow thin thick plain proud brave clever gentle honest lucky lonely tired hungry angry
		careful famous foolish lazy noisy polite silent simple strange wild wise yellow brown grey golden silver wooden
		broken hidden frozen painted crooked dusty faded hollow ragged rusty shiny smooth rough bitter sour salty ripe
		pale rare cheap useful secret distant ancient modern northern southern eastern western common perfect gloomy
		cheerful curious nervous patient stubborn`)
	adverbs = fields(`slowly quickly quietly often always never soon again once together carefully gently happily sadly
		suddenly finally usually sometimes nearly almost easily loudly softly proudly bravely kindly early late alone
		away outside inside upstairs nearby everywhere forever rarely secretly politely patiently eagerly calmly badly
		gladly warmly angrily lazily wisely`)
	objects = fields(`box bag jar cup lamp book door key letter hat coat ring rope bell boat cart coin map knife/knives
		basket bottle blanket bowl brush bucket button candle chair clock cloth drum flag fork gate hammer kettle ladder
		mirror nail needle pan pen picture pillow pipe plate pot purse saddle sack scarf shelf/shelves shirt shoe shovel
		spoon stone table ticket tool toy trumpet umbrella wagon wheel whistle axe anchor barrel bench card chain comb
		crate crown curtain desk drawer feather fence glove helmet hook jug kite lantern lock paddle plank puppet quilt
		ribbon sail spade stool string sword tent thread tray vase violin wallet`)
	foods = fields(`bread/bread milk/milk apple cheese soup cake egg honey/honey rice/rice fish/fish butter/butter pear plum berry nut onion potato/potatoes
		carrot bean tea/tea salt/salt sugar/sugar pepper/pepper pie jam corn/corn cherry lemon melon grape oat cabbage garlic/garlic biscuit noodle`)
	animals = fields(`dog cat horse cow bird sheep/sheep goat hen duck mouse/mice fox wolf/wolves bear deer/deer rabbit
		owl crow frog goose/geese pig donkey bee spider turtle swan squirrel badger otter eagle camel hedgehog beaver`)
	roles = fields(`man/men woman/women boy girl friend mother father sister brother teacher farmer baker king queen
		child/children doctor driver sailor soldier singer painter miller hunter shepherd fisher tailor cook guard judge
		merchant carpenter smith weaver gardener nurse clerk captain pilot poet dancer student stranger traveller
		neighbour aunt uncle cousin widow giant wizard potter porter printer barber butcher keeper`)
	sites = fields(`house road river garden field forest hill village town market bridge school shop kitchen mill barn
		harbour island lake mountain valley tower castle church cave beach street yard square station farm inn well
		library workshop cellar attic meadow orchard desert swamp port tunnel palace temple museum theatre prison cabin
		stable lighthouse quarry vineyard`)
	matters = fields(`story name answer question song secret plan word idea dream reason mistake promise problem journey
		lesson game law joke message price rule sign debt gift habit riddle rumour wish contest`)
	materials = fields(`wood stone gold silver iron glass paper clay wool leather copper cotton silk tin wax bone brick
		straw marble ivory`)
	numbers = fields(`two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty`)
	months  = fields(`January February March April May June July August September October November December`)
	days    = fields(`Monday Tuesday Wednesday Thursday Friday Saturday Sunday`)
	units   = fields(`years days miles hours weeks months steps pounds coins minutes`)
	vowels  = "aeiou"
)

// Verbs that take an object, verbs of motion, verbs without an object, and verbs that introduce speech.
var (
	doing = verbs(`find/found take/took/taken see/saw/seen want make/made/made/making buy/bought carry keep/kept like
		hold/held sell/sold lose/lost bring/brought hide/hid/hidden/hiding need paint open clean mend build/built/built
		break/broke/broken steal/stole/stolen draw/drew/drawn watch wash love touch cut/cut/cut/cutting drop/dropped/dropped/dropping
		choose/chose/chosen/choosing count borrow/borrowed forget/forgot/forgotten/forgetting remember admire polish
		polish repair collect describe examine catch/caught throw/threw/thrown burn bury drag/dragged/dragged/dragging
		fetch follow gather guard hang/hung ignore inspect kick lift load mark measure notice order pack polish
		praise protect push receive refuse reach rescue return save share study trade trust weigh welcome`)
	moving = verbs(`go/went/gone/going walk come/came/come/coming run/ran/run/running travel/travelled/travelled/travelling
		ride/rode/ridden/riding sail hurry climb march return fly/flew/flown wander drive/drove/driven/driving crawl
		jump rush swim/swam/swum/swimming creep/crept row limp`)
	being = verbs(`sleep/slept laugh wait sing/sang/sung work cry rest smile dance play talk listen think/thought fall/fell/fallen
		shout grow/grew/grown wake/woke/woken/waking dream shiver whistle sneeze tremble yawn argue complain
		pray stumble vanish kneel/knelt blush cough sigh bow hum/hummed/hummed/humming`)
	saying = verbs(`say/said ask answer reply shout whisper call cry add explain promise warn agree mutter`)
)

// query holds the words of SQL; schemas and remarks about them use these, never a query that answers a question.
var query = fields(`SELECT FROM WHERE COUNT ORDER BY LIMIT MAX MIN AVG SUM DISTINCT GROUP AND DESC ASC`)

// fields splits a list, dropping repetitions.
func fields(s string) []string {
	seen := map[string]bool{}
	var out []string
	for _, f := range strings.Fields(s) {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}

// verb holds the forms of a verb: (to) take, (he) took, taken, taking, takes.
type verb struct{ base, past, participle, ing, third string }

// verbs parses a list of verbs.
func verbs(s string) []verb {
	var out []verb
	for _, f := range fields(s) {
		p := strings.Split(f, "/")
		v := verb{base: p[0], past: regularPast(p[0]), ing: p[0] + "ing", third: plural(p[0])}
		if cut, ok := strings.CutSuffix(p[0], "e"); ok && !strings.HasSuffix(cut, "e") {
			v.ing = cut + "ing"
		}
		if len(p) > 1 {
			v.past = p[1]
		}
		v.participle = v.past
		if len(p) > 2 {
			v.participle = p[2]
		}
		if len(p) > 3 {
			v.ing = p[3]
		}
		out = append(out, v)
	}
	return out
}

// form returns one form of the verb: "" base, "ed" past, "en" participle, "ing", "s" third person.
func (v verb) form(name string) string {
	switch name {
	case "ed":
		return v.past
	case "en":
		return v.participle
	case "ing":
		return v.ing
	case "s":
		return v.third
	}
	return v.base
}

// regularPast adds -ed.
func regularPast(w string) string {
	switch {
	case strings.HasSuffix(w, "e"):
		return w + "d"
	case consonantY(w):
		return w[:len(w)-1] + "ied"
	}
	return w + "ed"
}

// plural adds -s to a noun, or to a verb; "mouse/mice" names its own.
func plural(w string) string {
	if _, irregular, ok := strings.Cut(w, "/"); ok {
		return irregular
	}
	switch {
	case consonantY(w):
		return w[:len(w)-1] + "ies"
	case strings.HasSuffix(w, "s"), strings.HasSuffix(w, "sh"), strings.HasSuffix(w, "ch"),
		strings.HasSuffix(w, "x"), w == "go":
		return w + "es"
	}
	return w + "s"
}

// singular drops the plural that an entry names.
func singular(w string) string {
	s, _, _ := strings.Cut(w, "/")
	return s
}

func consonantY(w string) bool {
	return len(w) > 1 && w[len(w)-1] == 'y' && !strings.ContainsRune(vowels, rune(w[len(w)-2]))
}
