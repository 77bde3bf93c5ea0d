// Package keys reads the tags of a struct's fields, which describe settings that people write in YAML and as flags. The
// field is the only place in which a key is defined; flags, help, checks, the schema for editors, documentation and digests
// are made from it.
//
//	LR float64 `yaml:"lr" bound:"(0,10)" help:"Peak learning rate." also:"learning_rate"`
//
//	yaml    name; members of a nested struct are called eval.every, those of an inline struct as if they were outside it
//	help    a sentence
//	bound   what a value may be, see [Bound]
//	zero    the meaning of 0, where 0 is not an ordinary number; 0 is then allowed even outside the bound
//	group   heading in help and documentation; it holds until the next one
//	when    conditions for the key to matter, all of them: "loss=replay scope=a|b data|mix" wants loss to be replay, scope to
//	        be a or b, and data or mix to be set; a reason may follow after "; "
//	bits    no: the trained weights do not depend on the key; contents: they depend on the contents of the file that it names
//	grid    own: compare sets the key itself; budget: all its methods have the same
//	holder  placeholder of the value in help: FILE
//	old     earlier spellings of the flag, which keep working
//	also    names of the key in other programs
//
// A tag of a struct field holds for all of its members that do not have that tag.
package keys

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Key is one setting.
type Key struct {
	Name   string // in YAML, with dots: eval.every
	Help   string
	Bound  Bound
	Zero   string
	Group  string
	When   When
	Bits   string // "": the value decides the trained weights; no; contents
	Grid   string
	Holder string
	Old    []string // flags, without hyphens in front
	Also   []string
	Value  any // of the struct that was read

	index []int
}

// Of reads a struct and its tags. It panics if a tag cannot be read, because that is a mistake in the program.
func Of(v any) []Key {
	r := reader{}
	r.walk(reflect.ValueOf(v), "", nil, func(string) string { return "" })
	return r.keys
}

type reader struct {
	keys  []Key
	group string
}

// walk reads the fields of a struct; outer returns the tags of the structs around it.
func (r *reader) walk(v reflect.Value, prefix string, index []int, outer func(tag string) string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag := func(name string) string {
			if text, ok := f.Tag.Lookup(name); ok {
				return text
			}
			return outer(name)
		}
		if group := f.Tag.Get("group"); group != "" {
			r.group = group
		}
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		at := append(slices.Clip(index), i)
		switch {
		case f.Type.Kind() == reflect.Struct && option == "inline":
			r.walk(v.Field(i), prefix, at, tag)
			continue
		case name == "" || name == "-":
			continue
		case f.Type.Kind() == reflect.Struct:
			r.walk(v.Field(i), prefix+name+".", at, tag)
			continue
		}
		bound, err := ParseBound(tag("bound"))
		if err != nil {
			panic(fmt.Sprintf("keys: %s%s: %v", prefix, name, err))
		}
		zero := tag("zero")
		if !numeric(f.Type.Kind()) {
			zero = ""
		}
		r.keys = append(r.keys, Key{
			Name: prefix + name, Help: tag("help"), Bound: bound, Zero: zero, Group: r.group, When: parseWhen(tag("when")),
			Bits: tag("bits"), Grid: tag("grid"), Holder: tag("holder"),
			Old: strings.Fields(tag("old")), Also: strings.Fields(tag("also")), Value: v.Field(i).Interface(), index: at,
		})
	}
}

func numeric(k reflect.Kind) bool {
	return k != reflect.String && k != reflect.Bool && k != reflect.Slice && k != reflect.Map
}

// Flag is the key's flag, without the hyphens in front.
func (k Key) Flag() string { return strings.NewReplacer("_", "-", ".", "-").Replace(k.Name) }

// Type is the type of the key's value.
func (k Key) Type() reflect.Type { return reflect.TypeOf(k.Value) }

// Set sets the key's value in a struct, given a pointer to it.
func (k Key) Set(pointer, value any) {
	reflect.ValueOf(pointer).Elem().FieldByIndex(k.index).Set(reflect.ValueOf(value))
}

// Default writes the key's value as people do; one that is empty or false is left out.
func (k Key) Default() string {
	switch v := k.Value.(type) {
	case float64:
		return Number(v)
	case string:
		return v
	}
	if k.IsZero() && !numeric(k.Type().Kind()) {
		return ""
	}
	return fmt.Sprint(k.Value)
}

// IsZero says whether the value is that of a field that was not set.
func (k Key) IsZero() bool {
	v := reflect.ValueOf(k.Value)
	return v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0
}

// Find returns the key with a name.
func Find(list []Key, name string) (Key, bool) {
	i := slices.IndexFunc(list, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return list[i], true
}

// Guess returns the key that was probably meant by an unknown name: the name in another program, a flag, or an earlier
// spelling.
func Guess(list []Key, written string) (Key, bool) {
	plain := strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(strings.TrimLeft(written, "-")))
	for _, k := range list {
		names := slices.Concat([]string{k.Flag()}, k.Old, k.Also)
		if slices.ContainsFunc(names, func(name string) bool { return strings.ReplaceAll(name, "-", "_") == plain }) {
			return k, true
		}
	}
	return Key{}, false
}

// Check reports the first key of a struct whose value is out of its bound.
func Check(v any) error {
	for _, k := range Of(v) {
		if k.Zero != "" && k.IsZero() {
			continue
		}
		if err := k.Bound.Check(k.Value); err != nil {
			return fmt.Errorf("%s: %w", k.Name, err)
		}
	}
	return nil
}
