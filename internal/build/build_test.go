package build

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"reprise/asm"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// settings are pairs of key and value.
func settings(pairs ...string) (list []debug.BuildSetting) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, debug.BuildSetting{Key: pairs[i], Value: pairs[i+1]})
	}
	return list
}

func TestFrom(t *testing.T) {
	const pseudo = "v0.0.0-20261130180000-0123456789ab"
	for name, c := range map[string]struct {
		info   *debug.BuildInfo
		source string
	}{
		"no information": {nil, "unknown, commit unknown"},
		"an empty one":   {&debug.BuildInfo{}, "unknown, commit unknown"},
		"without git":    {&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "(devel), commit unknown"},
		"git that says nothing": {&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: settings("vcs.revision", "", "vcs.modified", "")},
			"(devel), commit unknown"},
		"a clean tree": {&debug.BuildInfo{Main: debug.Module{Version: pseudo}, Settings: settings("vcs", "git", "vcs.revision", commit, "vcs.modified", "false")},
			pseudo + ", commit 0123456789ab, not modified"},
		"a changed tree": {&debug.BuildInfo{Main: debug.Module{Version: pseudo + "+dirty"}, Settings: settings("vcs.revision", commit, "vcs.modified", "true")},
			pseudo + "+dirty, commit 0123456789ab, modified"},
		"go install of a version":       {&debug.BuildInfo{Main: debug.Module{Version: "v0.1.0", Sum: "h1:x="}}, "v0.1.0, commit unknown, not modified"},
		"go install of a commit":        {&debug.BuildInfo{Main: debug.Module{Version: pseudo, Sum: "h1:x="}}, pseudo + ", commit 0123456789ab, not modified"},
		"after a version":               {&debug.BuildInfo{Main: debug.Module{Version: "v0.1.1-0.20261130180000-0123456789ab"}}, "v0.1.1-0.20261130180000-0123456789ab, commit 0123456789ab"},
		"a version that looks like one": {&debug.BuildInfo{Main: debug.Module{Version: "v0.1.0-beta-0123456789ab"}}, "v0.1.0-beta-0123456789ab, commit unknown"},
	} {
		i := from(c.info)
		if got := i.Source(); got != c.source {
			t.Errorf("%s: %q, want %q", name, got, c.source)
		}
		// No text is empty, however much is known, except the level of the other processor.
		v := reflect.ValueOf(i)
		for f := range v.NumField() {
			field := v.Type().Field(f)
			other := field.Name == "GOAMD64" && runtime.GOARCH != "amd64" || field.Name == "GOARM64" && runtime.GOARCH != "arm64"
			if v.Field(f).Kind() == reflect.String && (v.Field(f).Len() == 0) != other {
				t.Errorf("%s: field %s is %q", name, field.Name, v.Field(f))
			}
		}
	}
	if i := from(&debug.BuildInfo{Settings: settings("vcs.revision", commit)}); i.Commit != commit {
		t.Errorf("commit %s, want all of it", i.Commit)
	}
	if got := from(&debug.BuildInfo{Settings: settings("GOAMD64", "v3", "GOARM64", "v8.1")}).Toolchain(); runtime.GOARCH == "amd64" && !strings.HasSuffix(got, "/amd64 GOAMD64=v3") ||
		runtime.GOARCH == "arm64" && !strings.HasSuffix(got, "/arm64 GOARM64=v8.1") {
		t.Errorf("toolchain %q", got)
	}
}

func TestGet(t *testing.T) {
	i := Get()
	if i.Go != runtime.Version() || i.Tier != asm.Active().String() || i.Contract != Contract {
		t.Errorf("%+v", i)
	}
	want := "reprise " + i.Source() + " (" + i.Go + " " + runtime.GOOS + "/" + runtime.GOARCH
	if got := i.String(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, i.Processor+")") {
		t.Errorf("%q", got)
	}
}

// TestJSON: modified is null if it is unknown, and every other field is a text or a number.
func TestJSON(t *testing.T) {
	text, err := json.Marshal(from(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"version":"unknown","commit":"unknown","modified":null,"go":"go`, `"tier":"`, `"processor":"`, `"contract":2`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
}

// TestContract compares the version with the page's title.
func TestContract(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "NUMERICS.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`^# Arithmetic contract, version (\d+)\n`).FindSubmatch(text)
	if m == nil || string(m[1]) != strconv.Itoa(Contract) {
		t.Errorf("docs/NUMERICS.md begins with %.60q; package build says version %d", text, Contract)
	}
}
