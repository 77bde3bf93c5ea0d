package model

import (
	"fmt"
	"slices"
)

// Generation is what a generation_config.json says about how its model is to be continued. Settings that it does not give are nil.
// Its end ids are in [Config.EOS].
type Generation struct {
	DoSample                                   bool // false: transformers takes the most probable id every time
	Temperature, TopP, MinP, RepetitionPenalty *float64
	TopK                                       *int
	MaxNewTokens, MaxLength                    *int // bounds on the continuation, and on prompt and continuation together
	StopStrings                                []string

	// Unsupported are the settings that change what transformers writes and that [Generate] does not know, with their values:
	// "num_beams 4".
	Unsupported []string
}

// ofGeneration are the members of a generation_config.json that change no result of [Generate]: what is read here or by
// [Config.ReadGeneration], and what chooses between ways of computing and returning the same.
var ofGeneration = []string{
	"do_sample", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_new_tokens", "max_length", "stop_strings",
	"bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id",
	"use_cache", "cache_implementation", "cache_config", "return_dict_in_generate", "return_legacy_cache", "compile_config",
	"disable_compile", "low_memory", "output_attentions", "output_hidden_states", "output_scores", "output_logits",
	"prefill_chunk_size", "renormalize_logits", "prompt_lookup_num_tokens", "max_matching_ngram_size", "is_assistant",
	"num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold", "assistant_early_exit",
	"assistant_lookbehind", "target_lookbehind",
	"length_penalty", "early_stopping", // of beams, which num_beams asks for
	"_from_model_config", "_commit_hash", "_name_or_path", "transformers_version", "chat_format", "max_window_size",
}

// ofOne are the settings whose neutral value is 1.
var ofOne = []string{
	"num_beams", "num_beam_groups", "num_return_sequences", "typical_p", "guidance_scale", "encoder_repetition_penalty",
}

// ParseGeneration reads a generation_config.json. Values are of the right kind; [Sampling.Check] says whether they are inside their
// bounds. Errors name the file and the field.
func ParseGeneration(generationJSON []byte) (Generation, error) {
	var g Generation
	f, err := newFields(generationJSON)
	if err != nil {
		return g, fmt.Errorf("model: generation_config.json: %w", err)
	}
	g.DoSample = f.bool("do_sample", false)
	g.Temperature, g.TopP, g.MinP = number(f, "temperature"), number(f, "top_p"), number(f, "min_p")
	g.RepetitionPenalty = number(f, "repetition_penalty")
	g.TopK, g.MaxNewTokens, g.MaxLength = whole(f, "top_k"), whole(f, "max_new_tokens"), whole(f, "max_length")
	if !f.null("stop_strings") && f.raw["stop_strings"][0] == '"' {
		g.StopStrings = []string{f.text("stop_strings", "")}
	} else {
		g.StopStrings = f.texts("stop_strings")
	}
	g.StopStrings = slices.DeleteFunc(g.StopStrings, func(s string) bool { return s == "" })
	for _, name := range f.names() {
		if slices.Contains(ofGeneration, name) || f.null(name) {
			continue
		}
		value := string(f.raw[name])
		neutral := []string{"false", "0", "0.0", `""`, "[]", "{}"}
		if slices.Contains(ofOne, name) {
			neutral = []string{"1", "1.0"}
		}
		if !slices.Contains(neutral, value) {
			g.Unsupported = append(g.Unsupported, name+" "+cut(value))
		}
	}
	if *f.err != nil {
		return g, fmt.Errorf("model: generation_config.json: %w", *f.err)
	}
	return g, nil
}

// number reads a number that may be absent.
func number(f fields, name string) *float64 {
	var x float64
	if !f.read(name, "a number", &x) {
		return nil
	}
	return &x
}

// whole reads a whole number that may be absent.
func whole(f fields, name string) *int {
	var n int
	if !f.read(name, "a whole number", &n) {
		return nil
	}
	return &n
}
