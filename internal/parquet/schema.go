package parquet

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Physical types, by their numbers in the format.
const (
	typeBoolean = iota
	typeInt32
	typeInt64
	typeInt96
	typeFloat
	typeDouble
	typeBytes
	typeFixed
)

// width is the number of bytes of a plain value of a physical type; 0 if it varies.
var width = [8]int{typeInt32: 4, typeInt64: 8, typeInt96: 12, typeFloat: 4, typeDouble: 8}

// meaning is what the values of a column or a group stand for.
type meaning int

const (
	asStored meaning = iota
	text
	list
	object // map
	unsigned
	decimal
	date
	clock // time of day
	timestamp
	uuid
	float16
	refused
)

// element is an entry of the schema as it is stored: a tree in the order of a walk.
type element struct {
	typ        int64 // −1 for a group
	length     int64
	repetition int64 // 0 required, 1 optional, 2 repeated
	name       string
	children   int64
	meaning    meaning
	scale      int64 // of a decimal: digits after the point
	perSecond  int64 // units of a time
	zone       bool  // the time is in UTC
	refusal    string
}

// converted are the older annotations of columns by their numbers.
func (e *element) convert(number int64) {
	switch number {
	case 0, 4, 19: // UTF8, ENUM, JSON
		e.meaning = text
	case 1, 2: // MAP, MAP_KEY_VALUE
		e.meaning = object
	case 3:
		e.meaning = list
	case 5:
		e.meaning = decimal
	case 6:
		e.meaning = date
	case 7, 8:
		e.meaning, e.perSecond = clock, []int64{1e3, 1e6}[number-7]
	case 9, 10:
		e.meaning, e.perSecond, e.zone = timestamp, []int64{1e3, 1e6}[number-9], true
	case 11, 12, 13, 14:
		e.meaning = unsigned
	case 20, 21:
		e.meaning, e.refusal = refused, map[int64]string{20: "BSON", 21: "INTERVAL"}[number]
	}
}

// logical reads the newer annotation, a union, which wins over the older one.
func (e *element) logical(t *thrift) {
	t.structure(func(id int, typ byte) bool {
		if typ != thriftStruct {
			return false
		}
		switch id {
		case 1, 4, 12:
			e.meaning = text
		case 2:
			e.meaning = object
		case 3:
			e.meaning = list
		case 5:
			e.meaning = decimal
			t.structure(func(id int, typ byte) bool {
				if id != 1 || typ != thriftI32 {
					return false
				}
				e.scale = t.i32()
				return true
			})
			return true
		case 6:
			e.meaning = date
		case 7, 8:
			e.meaning = map[int]meaning{7: clock, 8: timestamp}[id]
			e.zone = false
			t.structure(func(id int, typ byte) bool {
				switch {
				case id == 1 && (typ == thriftTrue || typ == thriftFalse):
					e.zone = typ == thriftTrue
				case id == 2 && typ == thriftStruct:
					t.structure(func(id int, _ byte) bool {
						e.perSecond = map[int]int64{1: 1e3, 2: 1e6, 3: 1e9}[id]
						return false
					})
				default:
					return false
				}
				return true
			})
			return true
		case 10:
			e.meaning = asStored
			t.structure(func(id int, typ byte) bool {
				if id == 2 && typ == thriftFalse {
					e.meaning = unsigned
				}
				return id == 2 && typ == thriftFalse
			})
			return true
		case 13, 16, 17, 18:
			e.meaning, e.refusal = refused, map[int]string{13: "BSON", 16: "VARIANT", 17: "GEOMETRY", 18: "GEOGRAPHY"}[id]
		case 14:
			e.meaning = uuid
		case 15:
			e.meaning = float16
		}
		return false
	})
}

// unset is a scale that is not in the file.
const unset = math.MinInt64

func readElement(t *thrift) element {
	e := element{typ: -1}
	newer := element{meaning: -1, scale: unset}
	older := int64(-1)
	t.structure(func(id int, typ byte) bool {
		to := map[int]*int64{1: &e.typ, 2: &e.length, 3: &e.repetition, 5: &e.children, 6: &older, 7: &e.scale}[id]
		switch {
		case to != nil && typ == thriftI32:
			*to = t.i32()
		case id == 4 && typ == thriftBinary:
			e.name = t.text()
		case id == 10 && typ == thriftStruct:
			newer.logical(t)
		default:
			return false
		}
		return true
	})
	e.convert(older)
	if newer.meaning >= 0 {
		e.meaning, e.perSecond, e.zone, e.refusal = newer.meaning, newer.perSecond, newer.zone, newer.refusal
	}
	if newer.scale != unset {
		e.scale = newer.scale
	}
	return e
}

// node is a field of the schema.
type node struct {
	element
	path     string // names joined by dots
	field    string // the first of them
	key      []byte // the name as JSON, with a colon
	maxDef   int    // the definition level at which the node is there
	maxRep   int    // the repetition level of its elements
	members  []*node
	at       int // of a leaf: its number; of a group: that of its first leaf
	leaves   int // how many lie below it
	optional bool
	repeated bool
}

// newTree makes the tree of the schema and lists its leaves.
func newTree(elements []element) (root *node, leaves []*node, err error) {
	next := 0
	var grow func(above *node, depth int) (*node, error)
	grow = func(above *node, depth int) (*node, error) {
		if next == len(elements) {
			return nil, errors.New("the schema is cut off")
		}
		n := &node{element: elements[next], at: len(leaves)}
		next++
		if depth > maxDepth {
			return nil, fmt.Errorf("the schema is nested more than %d deep", maxDepth)
		}
		if above != nil {
			n.maxDef, n.maxRep, n.path, n.field = above.maxDef, above.maxRep, n.name, n.name
			if above.path != "" {
				n.field, n.path = above.field, above.path+"."+n.name
			}
			if len(n.path) > 1000 {
				return nil, fmt.Errorf("the path of the column %.100q… is too long", n.path)
			}
			if above.meaning == object && n.repetition == 2 {
				n.meaning = asStored // the pairs of a map have an annotation of their own in older files
			}
			switch n.repetition {
			case 0:
			case 1:
				n.optional, n.maxDef = true, n.maxDef+1
			case 2:
				n.repeated, n.maxDef, n.maxRep = true, n.maxDef+1, n.maxRep+1
			default:
				return nil, fmt.Errorf("field %s: unknown repetition %d", n.path, n.repetition)
			}
			if !utf8.ValidString(n.name) { // JSON would make two such names equal
				return nil, fmt.Errorf("the name of the column %.100q is not UTF-8; rename it", n.name)
			}
			key, err := json.Marshal(n.name)
			if err != nil {
				return nil, err
			}
			n.key = append(key, ':')
		}
		if n.typ >= 0 && above != nil {
			if err := n.check(); err != nil {
				return nil, fmt.Errorf("field %s: %w", n.path, err)
			}
			n.leaves = 1
			leaves = append(leaves, n)
			return n, nil
		}
		if n.children <= 0 && above != nil {
			return nil, fmt.Errorf("field %s: a group without members", n.path)
		}
		names := map[string]bool{}
		for range n.children {
			m, err := grow(n, depth+1)
			if err != nil {
				return nil, err
			}
			if names[m.name] {
				return nil, fmt.Errorf("there are two fields %s; rename one", m.path)
			}
			names[m.name] = true
			n.members = append(n.members, m)
		}
		n.leaves = len(leaves) - n.at
		if n.meaning == refused {
			return nil, fmt.Errorf("field %s: %w", n.path, n.check())
		}
		if n.meaning == object {
			return n, n.checkMap()
		}
		return n, nil
	}
	if root, err = grow(nil, 0); err != nil {
		return nil, nil, err
	}
	if next != len(elements) {
		return nil, nil, errors.New("the schema has fields that belong to nothing")
	}
	return root, leaves, nil
}

// check says whether a leaf's values can be read.
func (n *node) check() error {
	switch {
	case n.typ > typeFixed:
		return fmt.Errorf("unknown type %d", n.typ)
	case n.typ == typeFixed && (n.length <= 0 || n.length > 1<<20):
		return fmt.Errorf("values of %d bytes", n.length)
	case n.meaning == refused:
		return fmt.Errorf("the type %s cannot be read; leave the column out or write it as text", n.refusal)
	case n.meaning == uuid && (n.typ != typeFixed || n.length != 16), n.meaning == float16 && (n.typ != typeFixed || n.length != 2),
		n.meaning == decimal && (n.scale < 0 || n.scale > 1000 || n.typ == typeBoolean || n.typ == typeFloat || n.typ == typeDouble || n.typ == typeInt96),
		(n.meaning == clock || n.meaning == timestamp) && (n.typ != typeInt32 && n.typ != typeInt64 || n.perSecond == 0),
		n.meaning == date && n.typ != typeInt32, n.meaning == unsigned && n.typ != typeInt32 && n.typ != typeInt64,
		n.meaning == text && n.typ != typeBytes && n.typ != typeFixed, n.meaning == list, n.meaning == object:
		return fmt.Errorf("a stored type %d does not fit its annotation: the file is damaged", n.typ)
	}
	return nil
}

// checkMap says whether a map can be an object.
func (n *node) checkMap() error {
	if len(n.members) != 1 || !n.members[0].repeated || len(n.members[0].members) < 1 || len(n.members[0].members) > 2 {
		return fmt.Errorf("field %s: a map without keys and values: the file is damaged", n.path)
	}
	key := n.members[0].members[0]
	if key.typ != typeBytes || key.repeated || key.optional || key.meaning != asStored && key.meaning != text {
		return fmt.Errorf("field %s: a map whose keys are not text; leave the column out or write it as a list", n.path)
	}
	return nil
}

// item is what the elements of a list are, for the forms in which lists are stored: the repeated field itself, or the only
// member of a repeated group that has no other purpose.
func (n *node) item() *node {
	inner := n.members[0]
	if len(inner.members) != 1 || inner.name == "array" || inner.name == n.name+"_tuple" || inner.members[0].repeated || inner.meaning != asStored {
		return inner
	}
	return inner.members[0]
}

// isList says whether a group stands for a list.
func (n *node) isList() bool {
	return n.meaning == list && len(n.members) == 1 && n.members[0].repeated
}
