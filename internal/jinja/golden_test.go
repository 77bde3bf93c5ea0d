package jinja_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"reprise/internal/jinja"
	"reprise/internal/testfiles"
)

// goldens are templates and what Jinja2 makes of each of them in every context (testdata/chat/make.py).
type goldens struct {
	Contexts  []json.RawMessage
	Templates []struct {
		Name, Template string
		Outcomes       []struct {
			Text   *string
			Raised *string // the message that the template gave to raise_exception
			Error  bool    // any other error of Jinja2's
		}
		Of string // the outcome in each context, a hexadecimal digit; "" if they are all the same
	}
}

var variableNames = []string{"messages", "tools", "documents", "add_generation_prompt", "bos_token", "eos_token", "extra"}

func contexts(t testing.TB, raw []json.RawMessage) (out []map[string]jinja.Value) {
	t.Helper()
	for _, r := range raw {
		v, err := jinja.DecodeJSON(r)
		if err != nil {
			t.Fatal(err)
		}
		variables := map[string]jinja.Value{}
		for _, name := range variableNames {
			if x, ok := v.(*jinja.Dict).Get(name); ok {
				variables[name] = x
			}
		}
		out = append(out, variables)
	}
	return out
}

// TestGolden: every template comes out in every context as Jinja2 writes it, or is an error where Jinja2 raises one.
func TestGolden(t *testing.T) {
	var g goldens
	testfiles.ReadBoxJSON(t, &g, "chat", "jinja.json.gz")
	all := contexts(t, g.Contexts)
	texts, failures := 0, 0
	for _, c := range g.Templates {
		template, parseErr := jinja.Parse(c.Template)
		for i, variables := range all {
			want := c.Outcomes[0]
			if c.Of != "" {
				want = c.Outcomes[strings.IndexByte("0123456789abcdef", c.Of[i])]
			}
			out, err := jinja.Output{}, parseErr
			if err == nil {
				out, err = template.Render(variables)
			}
			var e *jinja.Error
			switch {
			case want.Text != nil && err != nil:
				t.Errorf("%s, context %d: %v\n%s\nwant %q", c.Name, i, err, c.Template, *want.Text)
			case want.Text != nil && out.Text != *want.Text:
				t.Errorf("%s, context %d: %s\n got %q\nwant %q", c.Name, i, c.Template, out.Text, *want.Text)
			case want.Text == nil && err == nil:
				t.Errorf("%s, context %d: %s\n got %q, want an error", c.Name, i, c.Template, out.Text)
			case want.Text == nil && !errors.As(err, &e):
				t.Errorf("%s, context %d: the error %v has another type", c.Name, i, err)
			case want.Raised != nil && (!e.Raised || e.Problem != *want.Raised):
				t.Errorf("%s, context %d: %v, want the template's own %q", c.Name, i, err, *want.Raised)
			}
			if want.Text != nil {
				texts++
			} else {
				failures++
			}
		}
	}
	t.Logf("%d templates in %d contexts: %d texts, %d errors", len(g.Templates), len(all), texts, failures)
	if len(g.Templates) < 400 || len(all) < 11 || texts < 4000 {
		t.Errorf("%d templates, %d contexts and %d texts, want 400, 11 and 4000 or more", len(g.Templates), len(all), texts)
	}
}
