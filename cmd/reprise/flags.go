package main

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"reprise/data"
	"reprise/internal/keys"
)

// keyFlags are the keys of a struct as flags. A flag that is not given is nil and does not change the struct; a flag that is
// given as 0 sets 0.
type keyFlags struct {
	Flags kong.Plugins `embed:""`

	keys   []keys.Key
	values reflect.Value // a struct with a pointer, or a slice, for each key
}

// newKeyFlags makes flags from keys, whose values are the defaults.
func newKeyFlags(list []keys.Key) keyFlags {
	fields := make([]reflect.StructField, len(list))
	for i, k := range list {
		typ := k.Type()
		if typ.Kind() != reflect.Slice {
			typ = reflect.PointerTo(typ)
		}
		fields[i] = reflect.StructField{Name: fmt.Sprintf("Key%d", i), Type: typ, Tag: flagTag(k)}
	}
	values := reflect.New(reflect.StructOf(fields))
	return keyFlags{Flags: kong.Plugins{values.Interface()}, keys: list, values: values.Elem()}
}

// flagTag describes a key to kong.
func flagTag(k keys.Key) reflect.StructTag {
	var b strings.Builder
	add := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s:%s ", name, strconv.Quote(value))
		}
	}
	add("name", k.Flag())
	add("help", flagHelp(k))
	add("group", k.Group)
	add("placeholder", placeholder(k))
	add("aliases", strings.Join(slices.DeleteFunc(slices.Clone(k.Old), func(old string) bool { return old == k.Flag() }), ","))
	switch k.Type().Kind() {
	case reflect.Bool:
		b.WriteString(`negatable:""`)
	case reflect.Slice:
		if k.Type().Elem().Kind() == reflect.String {
			b.WriteString(`sep:"none"`) // file names may hold commas
		}
	}
	return reflect.StructTag(strings.TrimSpace(b.String()))
}

func placeholder(k keys.Key) string {
	switch {
	case k.Holder != "":
		return k.Holder
	case k.Type().Kind() == reflect.Float64:
		return "X"
	case k.Type().Kind() == reflect.String:
		return "NAME"
	case k.Type().Kind() == reflect.Slice:
		return "ID"
	}
	return "N"
}

// flagHelp is the key's help with its choices, its default and the flags that it needs.
func flagHelp(k keys.Key) string {
	text := strings.TrimSuffix(k.Help, ".")
	standard := k.Default()
	switch {
	case k.Bound.Choice != nil:
		var names []string
		for _, name := range k.Bound.Choice {
			if name == standard {
				name += " (default)"
			}
			names = append(names, name)
		}
		text += ": " + keys.Or(names)
	case k.Zero != "" && k.IsZero():
		text += " (0: " + k.Zero + ")"
	case k.Zero != "":
		text += " (" + standard + "; 0: " + k.Zero + ")"
	case k.Value == true:
		text += " (default)"
	case standard != "":
		text += " (" + standard + ")"
	}
	if needs := flagsNeeded(k); needs != "" {
		text += "; with " + needs
	}
	return text + "."
}

// flagsNeeded are the flags without which a key has no effect.
func flagsNeeded(k keys.Key) string {
	return k.When.Text(func(name, value string) string {
		return strings.TrimSpace("--" + keys.Key{Name: name}.Flag() + " " + value)
	})
}

// given says whether the flag of a key was given.
func (f *keyFlags) given(name string) bool {
	i := slices.IndexFunc(f.keys, func(k keys.Key) bool { return k.Name == name })
	return i >= 0 && !f.values.Field(i).IsNil()
}

// lay sets the keys of the struct that to points at to the values of the flags that were given.
func (f *keyFlags) lay(to any) {
	for i, k := range f.keys {
		v := f.values.Field(i)
		if v.IsNil() {
			continue
		}
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		k.Set(to, v.Interface())
	}
}

// idle returns a notice for each flag that was given, and for each key that a file sets to something else than the default, if it
// has no effect with these settings, which is usually a misunderstanding. The keys of file have the file's values.
func (f *keyFlags) idle(of any, file []keys.Key) (texts []string) {
	values := keys.Of(of)
	for i, k := range f.keys {
		given := !f.values.Field(i).IsNil()
		set := i < len(file) && !(file[i].IsZero() && k.IsZero()) && !reflect.DeepEqual(file[i].Value, k.Value)
		if !given && !set || k.When.Holds(values) {
			continue
		}
		name, without := "--"+k.Flag(), flagsNeeded(k)
		if !given {
			name, without = k.Name, keysNeeded(k)
		}
		if k.When.Reason != "" {
			without += ": " + k.When.Reason
		}
		texts = append(texts, fmt.Sprintf("%s has no effect without %s", name, without))
	}
	return texts
}

// keysNeeded are the keys of a file that a key needs to matter.
func keysNeeded(k keys.Key) string {
	return k.When.Text(func(name, value string) string {
		if value == "" {
			return name
		}
		return name + ": " + value
	})
}

// readingFlags are the keys of data.Reading as flags, for the commands that read data and have no recipe.
type readingFlags struct{ keyFlags }

func newReadingFlags() readingFlags { return readingFlags{newKeyFlags(keys.Of(data.DefaultReading()))} }

// reading is what the flags ask for.
func (f *readingFlags) reading() data.Reading {
	r := data.DefaultReading()
	f.lay(&r)
	return r
}

// checkText refuses arguments that are not text in UTF-8, because the parser would put another character in the place of such bytes,
// and with it name another file.
func checkText(args []string) error {
	for _, arg := range args {
		if !utf8.ValidString(arg) {
			return fmt.Errorf("the argument %q is not text in UTF-8; rename the file, or give a link to it whose name is", arg)
		}
	}
	return nil
}

// givenTwice refuses a flag with one value that is given twice: the parser would keep the last and drop the others without a word.
func givenTwice(k *kong.Context) error {
	seen := map[*kong.Flag]bool{}
	for _, p := range k.Path {
		f := p.Flag
		if f == nil || f.IsBool() || f.IsCounter() || f.IsSlice() || f.IsMap() || !seen[f] {
			seen[f] = true
			continue
		}
		return fmt.Errorf("--%s is given twice, and takes one value: the other one would be dropped", f.Name)
	}
	return nil
}

var unknownFlag = regexp.MustCompile(`^unknown flag (--[^,]*)$`)

// guessFlag adds to the error for an unknown flag which flag is meant, if the name is another program's.
func guessFlag(err error, list []keys.Key) error {
	var parse *kong.ParseError
	m := unknownFlag.FindStringSubmatch(err.Error())
	if m == nil || !errors.As(err, &parse) || parse.Context.Selected() == nil {
		return err
	}
	k, ok := keys.Guess(list, m[1])
	if !ok || !slices.ContainsFunc(parse.Context.Selected().Flags, func(f *kong.Flag) bool { return f.Name == k.Flag() }) {
		return err
	}
	return fmt.Errorf("%w; here it is --%s", err, k.Flag())
}
