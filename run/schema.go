package run

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
)

// Schema is the JSON schema (draft 2020-12) of a recipe file, for editors: names, types, bounds, defaults and help of all keys.
func Schema() []byte {
	root := node{
		Schema: "https://json-schema.org/draft/2020-12/schema", Title: "Reprise recipe",
		Description: "A training run: what decides its result, and what it measures and saves.", Type: "object", Closed: new(bool),
	}
	for _, k := range Keys() {
		object, leaf, nested := strings.Cut(k.Name, ".")
		if !nested {
			root.Properties = append(root.Properties, property{k.Name, keyNode(k)})
			continue
		}
		if last := len(root.Properties) - 1; root.Properties[last].name != object {
			root.Properties = append(root.Properties, property{object, &node{Type: "object", Description: k.Group + ".", Closed: new(bool)}})
		}
		in := root.Properties[len(root.Properties)-1].node
		in.Properties = append(in.Properties, property{leaf, keyNode(k)})
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		panic(err) // cannot happen: a struct of strings and finite numbers
	}
	return b.Bytes()
}

// keyNode is the schema of a key.
func keyNode(k Key) *node {
	n := typeNode(k.Type(), k)
	n.Description, n.Default = k.Help, k.Value
	if n.Type == "array" {
		n.Default = nil
	}
	if k.Zero == "" {
		return n
	}
	n.Description = strings.TrimSuffix(k.Help, ".") + "; 0: " + k.Zero + "."
	if k.Bound.Lo < 0 || k.Bound.Lo == 0 && !k.Bound.OpenLo {
		return n
	}
	zero := 0.0 // outside the bound, but allowed
	n.AnyOf = []*node{{Const: &zero}, {Minimum: n.Minimum, ExclusiveMinimum: n.ExclusiveMinimum, Maximum: n.Maximum, ExclusiveMaximum: n.ExclusiveMaximum}}
	n.Minimum, n.ExclusiveMinimum, n.Maximum, n.ExclusiveMaximum = nil, nil, nil, nil
	return n
}

// typeNode is the schema of a type with a key's bound.
func typeNode(t reflect.Type, k Key) *node {
	n := &node{Enum: k.Bound.Choice}
	switch t.Kind() {
	case reflect.Slice:
		return &node{Type: "array", Items: typeNode(t.Elem(), k)}
	case reflect.Bool:
		n.Type = "boolean"
	case reflect.String:
		n.Type = "string"
	case reflect.Float64:
		n.Type = "number"
	default:
		n.Type = "integer"
	}
	lo, hi := k.Bound.Lo, k.Bound.Hi
	if t.Kind() == reflect.Uint64 {
		lo = max(lo, 0)
	}
	for _, end := range []struct {
		x              float64
		open           bool
		closed, opened **float64
	}{{lo, k.Bound.OpenLo, &n.Minimum, &n.ExclusiveMinimum}, {hi, k.Bound.OpenHi, &n.Maximum, &n.ExclusiveMaximum}} {
		switch {
		case math.IsInf(end.x, 0):
		case end.open:
			*end.opened = &end.x
		default:
			*end.closed = &end.x
		}
	}
	return n
}

// node is a JSON schema, or the part of one that describes a value.
type node struct {
	Schema      string     `json:"$schema,omitempty"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
	Type        string     `json:"type,omitempty"`
	Enum        []string   `json:"enum,omitempty"`
	Const       *float64   `json:"const,omitempty"`
	Default     any        `json:"default,omitempty"`
	Items       *node      `json:"items,omitempty"`
	Properties  properties `json:"properties,omitempty"`
	Closed      *bool      `json:"additionalProperties,omitempty"`
	AnyOf       []*node    `json:"anyOf,omitempty"`

	Minimum          *float64 `json:"minimum,omitempty"`
	ExclusiveMinimum *float64 `json:"exclusiveMinimum,omitempty"`
	Maximum          *float64 `json:"maximum,omitempty"`
	ExclusiveMaximum *float64 `json:"exclusiveMaximum,omitempty"`
}

// properties keep the order of a file.
type properties []property

type property struct {
	name string
	*node
}

func (list properties) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, p := range list {
		text, err := json.Marshal(p.node)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), p.name...), `":`...)
		b = append(b, text...)
	}
	return append(b, '}'), nil
}
