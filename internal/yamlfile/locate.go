package yamlfile

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// UnknownKey is the error for a key that no field has.
type UnknownKey struct {
	Line int
	Key  string // with dots: eval.evry
	Near string // the key that was probably meant; may be empty
}

func (e *UnknownKey) Error() string {
	text := fmt.Sprintf("line %d: %s: there is no such key", e.Line, short(e.Key))
	if e.Near != "" {
		text += "; did you mean " + e.Near + "?"
	}
	return text
}

// locate returns an error for the first key of a text that is unknown or whose value cannot be decoded; nil if the text holds
// none, as when it is not YAML at all.
func locate(text []byte, into any, parts []Part) error {
	file, err := parser.ParseBytes(text, 0)
	if err != nil || len(file.Docs) == 0 {
		return nil
	}
	return (&locator{parts: parts}).walk(file.Docs[0].Body, reflect.TypeOf(into).Elem(), "")
}

type locator struct {
	parts   []Part
	anchors map[string]ast.Node
}

// walk checks a node against a type. The name of its key has dots.
func (l *locator) walk(node ast.Node, typ reflect.Type, name string) error {
	node = l.plain(node)
	if node == nil || node.Type() == ast.NullType {
		return nil
	}
	for _, p := range l.parts {
		if typ.Kind() == reflect.Map && name == p.Key {
			return l.mapping(node, reflect.TypeOf(p.Of), name)
		}
	}
	list, isList := node.(*ast.SequenceNode)
	switch {
	case typ.Kind() == reflect.Struct:
		return l.mapping(node, typ, name)
	case typ.Kind() == reflect.Slice && isList:
		for _, v := range list.Values {
			if err := l.walk(v, typ.Elem(), name); err != nil {
				return err
			}
		}
		return nil
	}
	if yaml.NodeToValue(node, reflect.New(typ).Interface(), options...) == nil {
		return nil
	}
	return mistake(node, name, wanted(typ))
}

// mapping checks the keys of a block.
func (l *locator) mapping(node ast.Node, typ reflect.Type, name string) error {
	var values []*ast.MappingValueNode
	switch n := node.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = append(values, n)
	default:
		return mistake(node, name, "a block of keys")
	}
	fields := map[string]reflect.Type{}
	collect(typ, fields)
	for _, v := range values {
		if _, merge := v.Key.(*ast.MergeKeyNode); merge {
			continue
		}
		key := v.Key.GetToken().Value
		full := strings.TrimPrefix(name+"."+key, ".")
		field, ok := fields[key]
		if !ok {
			near := nearest(key, fields)
			if near != "" && name != "" {
				near = name + "." + near
			}
			return &UnknownKey{Line: v.Key.GetToken().Position.Line, Key: full, Near: near}
		}
		if err := l.walk(v.Value, field, full); err != nil {
			return err
		}
	}
	return nil
}

// plain is a node without its anchor or tag, and an alias's value.
func (l *locator) plain(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.AnchorNode:
		if l.anchors == nil {
			l.anchors = map[string]ast.Node{}
		}
		l.anchors[n.Name.GetToken().Value] = n.Value
		return l.plain(n.Value)
	case *ast.AliasNode:
		return l.anchors[n.Value.GetToken().Value] // nil if unknown
	case *ast.TagNode:
		return l.plain(n.Value)
	}
	return node
}

// collect lists the keys of a struct; those of an inline struct count as its own.
func collect(typ reflect.Type, fields map[string]reflect.Type) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case option == "inline":
			collect(f.Type, fields)
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
}

// mistake is the error for a value of the wrong kind.
func mistake(node ast.Node, name, wanted string) error {
	value := node.GetToken().Value
	switch n := node.(type) {
	case *ast.StringNode:
		value = strconv.Quote(n.Value)
	case *ast.LiteralNode:
		value = strconv.Quote(n.Value.Value)
	case *ast.SequenceNode:
		value = "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		value = "a block of keys"
	}
	if name != "" {
		name += ": "
	}
	return fmt.Errorf("line %d: %s%s, want %s", node.GetToken().Position.Line, name, short(value), wanted)
}

// wanted says in words what a type can hold.
func wanted(typ reflect.Type) string {
	switch typ.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Int32:
		return "a whole number of at most 2147483647"
	case reflect.Uint64:
		return "a whole number from 0 to 18446744073709551615"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Map:
		return "a block of keys"
	}
	return "a text"
}

// nearest returns the key that differs from a written one in the fewest letters, if these are few; otherwise "". Of several
// such keys it is the first in the alphabet.
func nearest[T any](written string, known map[string]T) string {
	best, least := "", 1+max(1, len(written)/4)
	for name := range known {
		if d := distance(written, name); d < min(least, len(written)) || d == least && best != "" && name < best {
			best, least = name, d
		}
	}
	return best
}

// distance counts the letters to put in, to leave out and to change, to make one word of another.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
