package yamlfile

import (
	"fmt"
	"strings"
	"testing"
)

// TestHostileTextsAreRefused: texts on which a YAML decoder takes minutes or gigabytes.
func TestHostileTextsAreRefused(t *testing.T) {
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d: 1\n", i)
		}
		return b.String()
	}
	indented := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Repeat(" ", i) + "a:\n")
		}
		return b.String()
	}
	bomb := "a: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("a%[1]d: &a%[1]d [*a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d, *a%[2]d]\n", i, i-1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"brackets":           {strings.Repeat("[", 100_000), "more than 10000 keys, values and signs"},
		"some brackets":      {strings.Repeat("[", 9_000), "nested more than 32 deep"},
		"blocks in braces":   {strings.Repeat("{a:", 3_000), "nested more than 32 deep"},
		"braces and more":    {"lr: 1\n" + strings.Repeat("{a: [", 100), "line 2: lists and blocks are nested"},
		"dashes":             {strings.Repeat("- ", 9_000), "nested more than 32 deep"},
		"question marks":     {strings.Repeat("? ", 9_000), "nested more than 32 deep"},
		"colons":             {strings.Repeat(": ", 9_000), "nested more than 32 deep"},
		"tags":               {strings.Repeat("!a ", 3_000), "nested more than 32 deep"},
		"indentation":        {indented(400), "nested more than 32 deep"},
		"keys":               {keys(9_000), "line 3334: the file has more than 10000 keys, values and signs"},
		"a long text":        {"loss: '" + strings.Repeat("x", MaxBytes) + "'", "the file has 131080 bytes, at most 131072 are allowed"},
		"aliases of aliases": {bomb, "with its aliases replaced the file has more than 10000 keys and values"},
		"an alias in itself": {"free: &a {b: *a}\n", "line 1: *a stands inside what it stands for"},
		"a long value":       {"lr: " + strings.Repeat("x", 50_000), `line 1: lr: "xxxxxxxxxx`},
		"a long key":         {strings.Repeat("x", 50_000) + ": 1", "line 1: xxxxxxxxxx"},
	} {
		err := Decode([]byte(c.text), &sample{}, Part{Key: "list.free", Of: sample{}})
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 300 {
			t.Errorf("%s: %.400v, want an error with %q", name, err, c.want)
		}
	}
	var v sample
	if err := Decode([]byte("free: &a {b: [1, 2]}\nlist:\n- free: *a\n- {free: {<<: *a}}\n"), &v); err != nil {
		t.Errorf("aliases of an ordinary size: %v", err)
	}
}

// TestWholeNumbersStayWhatTheyAre: a number is the one that is written or it is refused.
func TestWholeNumbersStayWhatTheyAre(t *testing.T) {
	for text, want := range map[string]int{"0x10": 16, "1_000": 1000, "+5": 5, "'5'": 5, "0o10": 8, "010": 8, "1e3": 1000, "-0": 0, "2.0": 2, "0.0": 0,
		"9223372036854775807": 1<<63 - 1, "-9223372036854775808": -1 << 63} {
		var v sample
		if err := Decode([]byte("epochs: "+text), &v); err != nil || v.Epochs != want {
			t.Errorf("%s: %d, %v, want %d", text, v.Epochs, err, want)
		}
	}
	for text, want := range map[string]string{
		"epochs: 18446744073709551617":      `line 2: epochs: "18446744073709551617", want a whole number`,
		"epochs: 9223372036854775808":       "line 2: epochs: 9223372036854775808, want a whole number",
		"epochs: 1e19":                      `line 2: epochs: "1e19", want a whole number`,
		"epochs: 1e-400":                    `line 2: epochs: "1e-400", want a whole number`,
		"epochs: 9007199254740993.0":        "line 2: epochs: 9007199254740993.0, want a whole number",
		"seeds: [1,\n18446744073709551616]": `line 3: seeds: "18446744073709551616", want a whole number from 0 to 18446744073709551615`,
		"inner: {always: [4294967297]}":     "line 2: inner.always: 4294967297, want a whole number of at most 2147483647",
	} {
		if err := Decode([]byte("lr: 1\n"+text), &sample{}); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// FuzzDecode: a text is decoded or refused, and its error is short.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"epochs: 1e3\nseeds: [1, 2]\n", "free: &a {b: *a}", "list:\n- free: {lr: 1}\n", "- - - a", "? a\n: b", "!!int a", "'", "lr: |\n x", "<<: *a", "a: *b", "---\n---\n",
		"inner: !x {always: [1]}\n", "\xef\xbb\xbflr: 1", "epochs: &n many", "{}", "[]", "%YAML 1.2\n---\nlr: 1\n", "on: 1:30"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4096 {
			t.Skip()
		}
		var v sample
		if err := Decode(text, &v, Part{Key: "list.free", Of: sample{}}); err != nil && len(err.Error()) > 2*len(text)+2000 {
			t.Errorf("an error of %d bytes for a text of %d: %.300s", len(err.Error()), len(text), err)
		}
	})
}
