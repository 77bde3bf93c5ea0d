package keys

import (
	"slices"
	"strings"
)

// When is the list of conditions that must all hold for a key to matter.
type When struct {
	All    []Condition
	Reason string // why the key does not matter otherwise; may be empty
}

// Condition holds if any of its keys is set or, with values, if its one key has any of them.
type Condition struct{ Keys, Values []string }

func parseWhen(tag string) (w When) {
	conditions, reason, _ := strings.Cut(tag, "; ")
	w.Reason = reason
	for _, text := range strings.Fields(conditions) {
		names, values, valued := strings.Cut(text, "=")
		c := Condition{Keys: strings.Split(names, "|")}
		if valued {
			c.Values = strings.Split(values, "|")
		}
		w.All = append(w.All, c)
	}
	return w
}

// Holds says whether all conditions hold, given the keys of a struct.
func (w When) Holds(list []Key) bool {
	for _, c := range w.All {
		if !c.holds(list) {
			return false
		}
	}
	return true
}

func (c Condition) holds(list []Key) bool {
	for _, name := range c.Keys {
		k, ok := Find(list, name)
		if !ok {
			panic("keys: a condition names " + name + ", which is not a key") // a mistake in the program
		}
		if value, _ := k.Value.(string); slices.Contains(c.Values, value) || c.Values == nil && !k.IsZero() {
			return true
		}
	}
	return false
}

// Text joins the conditions; write writes a key and its value, which is empty if any value will do.
func (w When) Text(write func(name, value string) string) string {
	var all []string
	for _, c := range w.All {
		var any []string
		for _, name := range c.Keys {
			any = append(any, write(name, Or(c.Values)))
		}
		all = append(all, Or(any))
	}
	return strings.Join(all, " and ")
}
