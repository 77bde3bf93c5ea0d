package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"reprise/internal/hub"
)

// Limits on a file, far above what people write. The decoder's time and memory grow with the square of some of them.
const (
	// MaxBytes is how long a text may be.
	MaxBytes = 128 << 10

	maxTokens   = 10_000 // keys, values and signs
	maxDepth    = 32     // lists and blocks inside each other
	maxExpanded = 10_000 // keys and values once every alias is replaced with what it stands for
)

// Read reads a file for Decode: an ordinary file of at most MaxBytes. Of a larger one that holds no text, that is said in place of its
// size: people give a record where a recipe is meant.
func Read(path string) ([]byte, error) {
	text, err := hub.Read(path, MaxBytes)
	if !errors.Is(err, hub.ErrTooLarge) {
		return text, err
	}
	f, failed := os.Open(path)
	if failed != nil {
		return nil, err
	}
	defer f.Close()
	var head [512]byte
	if n, _ := io.ReadFull(f, head[:]); bytes.IndexByte(head[:n], 0) >= 0 {
		return nil, fmt.Errorf("%s: %w", path, errNoText)
	}
	return nil, err
}

// limited refuses a text that the decoder would take very long or much memory for.
func limited(text []byte) error {
	if len(text) > MaxBytes {
		return fmt.Errorf("the file has %d bytes, at most %d are allowed", len(text), MaxBytes)
	}
	tokens := lexer.Tokenize(string(text))
	if len(tokens) > maxTokens {
		return fmt.Errorf("line %d: the file has more than %d keys, values and signs", tokens[maxTokens].Position.Line, maxTokens)
	}
	if err := deep(tokens); err != nil {
		return err
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil // the decoder says what is wrong
	}
	for _, doc := range file.Docs {
		if err := (&expansion{anchors: map[string]int{}}).check(doc.Body); err != nil {
			return err
		}
	}
	return nil
}

// deep refuses deep nesting before the parser, which is recursive, comes to it: brackets inside each other, blocks that are indented
// again and again, and several signs of blocks, tags or anchors on one line.
func deep(tokens token.Tokens) error {
	brackets, signs, line := 0, 0, 0
	var columns []int // where the blocks begin that a line is inside of
	for _, t := range tokens {
		if t.Position.Line != line {
			line, signs = t.Position.Line, 0
			if brackets == 0 && t.Type != token.CommentType {
				for len(columns) > 0 && columns[len(columns)-1] >= t.Position.Column {
					columns = columns[:len(columns)-1]
				}
				columns = append(columns, t.Position.Column)
			}
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType, token.TagType, token.AnchorType:
			if brackets == 0 {
				signs++
			}
		}
		if brackets > maxDepth || signs > maxDepth || len(columns) > maxDepth {
			return fmt.Errorf("line %d: lists and blocks are nested more than %d deep", line, maxDepth)
		}
	}
	return nil
}

// expansion counts what a document holds once its aliases are replaced.
type expansion struct {
	anchors map[string]int // how much an anchor stands for; 0 while it is being counted
	err     error
}

func (e *expansion) check(node ast.Node) error {
	if n := e.count(node); e.err == nil && n > maxExpanded {
		return fmt.Errorf("line %d: with its aliases replaced the file has more than %d keys and values", node.GetToken().Position.Line, maxExpanded)
	}
	return e.err
}

// count is the number of keys and values of a node, at most maxExpanded+1.
func (e *expansion) count(node ast.Node) (n int) {
	switch node := node.(type) {
	case *ast.MappingNode:
		for _, v := range node.Values {
			n += e.count(v)
		}
	case *ast.MappingValueNode:
		n = e.count(node.Key) + e.count(node.Value)
	case *ast.MappingKeyNode:
		n = e.count(node.Value)
	case *ast.SequenceNode:
		for _, v := range node.Values {
			n = min(n+e.count(v), maxExpanded)
		}
	case *ast.AnchorNode:
		name := node.Name.GetToken().Value
		e.anchors[name] = 0
		n = e.count(node.Value)
		e.anchors[name] = n
	case *ast.AliasNode:
		name := node.Value.GetToken().Value
		var known bool
		if n, known = e.anchors[name]; known && n == 0 && e.err == nil {
			e.err = fmt.Errorf("line %d: *%.40s stands inside what it stands for", node.GetToken().Position.Line, name)
		}
	case *ast.TagNode:
		n = e.count(node.Value)
	}
	return min(n+1, maxExpanded+1)
}

// short is a text of a file as an error shows it.
func short(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 { // not inside a character
		cut--
	}
	return s[:cut] + "…"
}
