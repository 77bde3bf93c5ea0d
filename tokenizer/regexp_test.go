package tokenizer

import (
	"slices"
	"strings"
	"testing"
)

// The matches are Oniguruma's (npm vscode-oniguruma 2.0.1) in the same text.
func TestPatternsAreOniguruma(t *testing.T) {
	const text = "हिन्दी abc:[a]aa\nb 漢字 A Ⓐ Ⅷ ⁀ a\u200db x² 1234567"
	for pattern, want := range map[string][]string{
		`\w+`:                       {"हिन्दी", "abc", "a", "aa", "b", "漢字", "A", "Ⓐ", "Ⅷ", "⁀", "a", "b", "x²", "1234567"},
		`\W+`:                       {" ", ":[", "]", "\n", " ", " ", " ", " ", " ", " ", "\u200d", " ", " "},
		`[^\w\s]+`:                  {":[", "]", "\u200d", "²"},
		`\bA|\b\w`:                  {"ह", "a", "a", "a", "b", "漢", "A", "Ⓐ", "Ⅷ", "⁀", "a", "b", "x", "1"},
		`a\B.`:                      {"ab", "aa"},
		`a{,2}:`:                    {":"},
		`(?m:a.b)`:                  {"a\nb", "a\u200db"},
		`(?m:a)(?i:B)`:              {"ab"},
		`\p{L}{1,2}+`:               {"ह", "न", "द", "abc", "a", "aa", "b", "漢字", "A", "a", "b", "x"},
		`\p{N}{1,3}+`:               {"Ⅷ", "²", "1234567"},
		`\p{N}{1,3}`:                {"Ⅷ", "²", "123", "456", "7"},
		`\p{N}{2}?7`:                {"567"},
		`(?:\p{N}\p{N}){1,2}+`:      {"123456"},
		`\h+`:                       {"abc", "a", "aa", "b", "A", "a", "b", "1234567"},
		`[\h:]+`:                    {"abc:", "a", "aa", "b", "A", "a", "b", "1234567"},
		`\H+`:                       {"हिन्दी ", ":[", "]", "\n", " 漢字 ", " Ⓐ Ⅷ ⁀ ", "\u200d", " x² "},
		`\p{^L}+`:                   {"ि", "्", "ी ", ":[", "]", "\n", " ", " ", " Ⓐ Ⅷ ⁀ ", "\u200d", " ", "² 1234567"},
		`\P{^L}+`:                   {"ह", "न", "द", "abc", "a", "aa", "b", "漢字", "A", "a", "b", "x"},
		`[^\r\n\p{L}\p{N}]?+\p{L}+`: {"ह", "िन", "्द", " abc", "[a", "]aa", "b", " 漢字", " A", " a", "\u200db", " x"},
		`\p{L}++`:                   {"ह", "न", "द", "abc", "a", "aa", "b", "漢字", "A", "a", "b", "x"},
		`[]a]+`:                     {"a", "a]aa", "a"},
		`[a\[]+`:                    {"a", "[a", "aa", "a"},
		`\x{41}{1,2}+`:              {"A"},
		`\u0041{1,2}+`:              {"A"},
		`漢{1,2}+`:                   {"漢"},
		`^b|\s$`:                    {"b"},
		`(a|b){1,2}+c`:              {"abc"},
		`[\p{Han}]+|[^\x00-\x7f]`:   {"ह", "ि", "न", "्", "द", "ी", "漢字", "Ⓐ", "Ⅷ", "⁀", "\u200d", "²"},
	} {
		re, err := newRegexp(pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		matcher{re: re}.segments(text, func(part string, match bool) {
			if match {
				got = append(got, part)
			}
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
	for _, pattern := range []string{GPT2Pattern, Llama3Pattern, Qwen2Pattern} {
		if got, err := fromOniguruma(pattern); got != pattern || err != nil {
			t.Errorf("%s became %s %v", pattern, got, err)
		}
	}
}

func TestPatternsThatDotNetReadsOtherwiseAreRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		`[[:alpha:]]+`:              "[ inside a class",
		`[a[bc]]`:                   "[ inside a class",
		`[\p{L}&&[^a]]`:             "&& inside a class",
		`[\Wa]`:                     `\W is not supported here`,
		`\R`:                        `\R is not supported`,
		`\G`:                        `\G is not supported`,
		`\pL`:                       `\p without {`,
		`(?s:a)`:                    "(?s is not supported",
		`(?x: a)`:                   "(?x is not supported",
		`\xE9`:                      `\xE…: bytes of characters`,
		`\p{Nonsense}`:              "Nonsense",
		`(`:                         "",
		`)`:                         "",
		`[`:                         "",
		`[\`:                        "",
		`\`:                         "",
		`\p{^`:                      "",
		`\x{4`:                      "",
		`\u00`:                      "",
		`(?`:                        "",
		`*`:                         "",
		strings.Repeat(`\w`, 1<<12): "longer than 16384 bytes once rewritten",
	} {
		if _, err := newRegexp(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50s: %v", pattern, err)
		}
	}
}
