package jinja_test

import (
	"errors"
	"testing"

	"reprise/internal/jinja"
	"reprise/internal/testfiles"
)

func addTemplates(f *testing.F) goldens {
	var g goldens
	testfiles.ReadBoxJSON(f, &g, "chat", "jinja.json.gz")
	for i, c := range g.Templates {
		if i%5 == 0 || len(c.Outcomes) > 2 {
			f.Add(c.Template)
		}
	}
	return g
}

// FuzzParse: any text is parsed or refused with an *Error that has a line.
func FuzzParse(f *testing.F) {
	addTemplates(f)
	f.Fuzz(func(t *testing.T, source string) {
		_, err := jinja.Parse(source)
		var e *jinja.Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1 || e.Problem == "") {
			t.Errorf("%q: %v", source, err)
		}
	})
}

// FuzzRender: any template ends, with a text of bounded length or an *Error, and does not change what it was given.
func FuzzRender(f *testing.F) {
	g := addTemplates(f)
	all := contexts(f, g.Contexts)
	before, _ := render("{{ messages }}{{ tools }}", all[5])
	f.Fuzz(func(t *testing.T, source string) {
		template, err := jinja.Parse(source)
		if err != nil {
			return
		}
		out, err := template.Render(all[5])
		var e *jinja.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%q: %v", source, err)
		}
		if len(out.Text) > 64<<20 {
			t.Errorf("%q writes %d bytes", source, len(out.Text))
		}
		for _, s := range out.Generation {
			if s.From < 0 || s.From >= s.To || s.To > len(out.Text) {
				t.Errorf("%q: span %v of %d bytes", source, s, len(out.Text))
			}
		}
		if after, _ := render("{{ messages }}{{ tools }}", all[5]); after.Text != before.Text {
			t.Fatalf("%q changes its variables", source)
		}
	})
}
