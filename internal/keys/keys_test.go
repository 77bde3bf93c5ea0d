package keys

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

type rule struct {
	Share float64 `yaml:"share" bound:"(0,1]" help:"Share."`
	IDs   []int32 `yaml:"ids" bound:"[0,)" help:"Ids."`
}

type settings struct {
	Kind  string `yaml:"kind" bound:"fast|slow" group:"First" help:"Kind."`
	Steps int    `yaml:"max_steps" bound:"[2,)" zero:"all" old:"steps" also:"num_steps iterations" help:"Steps."`
	Plan  struct {
		Out  string `yaml:"out" bound:"any" help:"File."`
		rule `yaml:",inline" zero:"the default" when:"plan.out kind=fast; why"`
	} `yaml:"plan" bits:"no" group:"Second"`
	Seed   uint64 `yaml:"seed" bound:"any" bits:"contents" grid:"own" when:"kind=fast|medium plan.out|max_steps" help:"Seed."`
	Hidden int
}

func TestTagsAreRead(t *testing.T) {
	list := Of(settings{Kind: "fast", Steps: 3})
	var lines []string
	for _, k := range list {
		lines = append(lines, strings.Join([]string{k.Name, k.Flag(), k.Group, k.Bound.String(), k.Zero, k.Bits, k.Grid}, ";"))
	}
	want := []string{
		"kind;kind;First;fast or slow;;;",
		"max_steps;max-steps;First;2 or more;all;;",
		"plan.out;plan-out;Second;any;;no;",
		"plan.share;plan-share;Second;more than 0 and at most 1;the default;no;",
		"plan.ids;plan-ids;Second;0 or more;;no;",
		"seed;seed;Second;any;;contents;own",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	var s settings
	for _, k := range list {
		k.Set(&s, k.Value)
	}
	if s.Kind != "fast" || s.Steps != 3 {
		t.Errorf("set: %+v", s)
	}
}

func TestConditions(t *testing.T) {
	for _, c := range []struct {
		kind, out string
		steps     int
		want      string // keys that matter
	}{
		{"fast", "", 0, ""}, {"fast", "x", 0, "share seed"}, {"slow", "x", 3, ""}, {"medium", "", 3, "seed"},
	} {
		s := settings{Kind: c.kind, Steps: c.steps}
		s.Plan.Out = c.out
		var got []string
		list := Of(s)
		for _, name := range []string{"plan.share", "seed"} {
			if k, _ := Find(list, name); k.When.Holds(list) {
				got = append(got, strings.TrimPrefix(name, "plan."))
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %v matter, want %s", c, got, c.want)
		}
	}
	k, _ := Find(Of(settings{}), "seed")
	text := k.When.Text(func(name, value string) string { return strings.TrimSpace(name + " " + value) })
	if text != "kind fast or medium and plan.out or max_steps" {
		t.Error(text)
	}
}

func TestBounds(t *testing.T) {
	type sample struct {
		tag   string
		value any
		want  string
	}
	for _, c := range []sample{
		{"[0,1]", 1.0, ""}, {"[0,1]", 1.5, "1.5, want 0 to 1"}, {"[0,1]", -0.5, "-0.5, want 0 to 1"},
		{"(0,10)", 10.0, "10, want more than 0 and less than 10"}, {"(0,10)", 0.0, "0, want more than 0 and less than 10"}, {"(0,10)", 1e-9, ""},
		{"[0,1)", 1.0, "1, want at least 0 and less than 1"}, {"(0,1]", math.NaN(), "NaN, want more than 0 and at most 1"},
		{"[1,)", 0, "0, want 1 or more"}, {"[1,1000000]", 2000000, "2000000, want 1 to 1000000"}, {"(0,)", 0.0, "0, want more than 0"},
		{"a|b|c", "d", `"d", want a, b or c`}, {"a|b", "b", ""}, {"any", "d", ""}, {"any", uint64(math.MaxUint64), ""},
		{"[0,)", []int32{3, -1}, "-1, want 0 or more"}, {"[0,)", math.Inf(1), "+Inf, want 0 or more"}, {"[0,1e-8]", 1.0, "1, want 0 to 1e-8"},
	} {
		b, err := ParseBound(c.tag)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := b.Check(c.value); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s, %v: %q, want %q", c.tag, c.value, got, c.want)
		}
	}
	for _, tag := range []string{"0,1", "[0,1", "[0]", "[a,1]", "[0,1}", "some"} {
		if _, err := ParseBound(tag); err == nil {
			t.Errorf("%q is a bound", tag)
		}
	}
}

func TestCheckNamesTheKey(t *testing.T) {
	for want, change := range map[string]func(*settings){
		"":                                    func(*settings) {},
		`kind: "", want fast or slow`:         func(s *settings) { s.Kind = "" },
		"max_steps: 1, want 2 or more":        func(s *settings) { s.Steps = 1 },
		"plan.share: 2, want more than 0 and": func(s *settings) { s.Plan.Share = 2 },
	} {
		s := settings{Kind: "slow"}
		change(&s)
		if err := Check(s); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestGuess(t *testing.T) {
	list := Of(settings{})
	for written, want := range map[string]string{
		"--num-steps": "max_steps", "iterations": "max_steps", "steps": "max_steps", "Max-Steps": "max_steps", "plan_out": "plan.out", "nonsense": "",
	} {
		if k, _ := Guess(list, written); k.Name != want {
			t.Errorf("%s: %q, want %q", written, k.Name, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	got := fmt.Sprint(Number(1e6), " ", Number(0.1), " ", Number(1e-8), " ", Number(1e-30), " ", Number(3.4e38))
	if got != "1000000 0.1 1e-8 1e-30 3.4e+38" {
		t.Error(got)
	}
}
