package magic

import "testing"

func TestBegins(t *testing.T) {
	for _, c := range []struct {
		head string
		with []string
		want bool
	}{
		{"PK\x03\x04more", []string{"GGUF", "PK\x03\x04"}, true},
		{"\x80\x02\x8a", []string{"\x80\x02"}, true},
		{"\x80\x03\x8a", []string{"\x80\x02"}, false},
		{"pk\x03\x04", []string{"PK\x03\x04"}, false},
		{"PK", []string{"PK\x03\x04"}, false},
		{"", []string{"PK"}, false},
		{"PK", nil, false},
	} {
		if got := Begins([]byte(c.head), c.with...); got != c.want {
			t.Errorf("%q begins with %q: %v", c.head, c.with, got)
		}
	}
}

func TestIsPointer(t *testing.T) {
	for head, want := range map[string]bool{
		"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n": true,
		"version https://git-lfs.example.org is where the story begins":       false,
		"version 2 of the tale": false,
		"":                      false,
	} {
		if IsPointer([]byte(head)) != want {
			t.Errorf("%q: want %v", head, want)
		}
	}
}
