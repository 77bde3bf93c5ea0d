package model

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseGeneration(t *testing.T) {
	f := func(x float64) *float64 { return &x }
	n := func(x int) *int { return &x }
	for text, want := range map[string]Generation{
		`{}`: {},
		`{"bos_token_id": 1, "eos_token_id": [2, 3], "pad_token_id": 0, "transformers_version": "4.51.0", "_from_model_config": true}`: {},
		`{"do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "min_p": 0.05, "repetition_penalty": 1.05, "max_new_tokens": 2048}`: {
			DoSample: true, Temperature: f(0.7), TopK: n(20), TopP: f(0.8), MinP: f(0.05), RepetitionPenalty: f(1.05), MaxNewTokens: n(2048)},
		`{"do_sample": false, "temperature": 1, "max_length": 4096}`: {Temperature: f(1), MaxLength: n(4096)},
		`{"do_sample": null, "top_k": null, "stop_strings": "END"}`:  {StopStrings: []string{"END"}},
		`{"stop_strings": ["a", "", "\n\n"]}`:                        {StopStrings: []string{"a", "\n\n"}},
		`{"num_beams": 1, "typical_p": 1.0, "no_repeat_ngram_size": 0, "guidance_scale": null, "bad_words_ids": [], "length_penalty": 2}`: {},
		`{"num_beams": 4, "typical_p": 0.9, "no_repeat_ngram_size": 3, "penalty_alpha": 0.6, "suppress_tokens": [1, 2], "num_beam_groups": 0, "later": "x"}`: {
			Unsupported: []string{`later "x"`, "no_repeat_ngram_size 3", "num_beam_groups 0", "num_beams 4", "penalty_alpha 0.6", "suppress_tokens [1, 2]", "typical_p 0.9"}},
	} {
		if got, err := ParseGeneration([]byte(text)); err != nil || !slices.Equal(got.StopStrings, want.StopStrings) || !slices.Equal(got.Unsupported, want.Unsupported) {
			t.Errorf("%s: %+v, %v", text, got, err)
		} else if got.StopStrings, got.Unsupported, want.StopStrings, want.Unsupported = nil, nil, nil, nil; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		`[]`: "want a JSON object", `{"temperature": "hot"}`: `temperature: "hot", want a number`, `{"top_k": 1.5}`: "top_k: 1.5, want a whole number",
		`{"do_sample": 1}`: "do_sample: 1, want true or false", `{"stop_strings": 3}`: "stop_strings: 3, want a list of texts",
		`{"top_p": 1, "top_p": 0.5}`: `"top_p" is given twice`,
	} {
		if _, err := ParseGeneration([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "model: generation_config.json: "+want) {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
}
