package main

import (
	"errors"
	"slices"
	"strings"

	"reprise/data"
	"reprise/golden"
	"reprise/replay"
	"reprise/run"
	"reprise/tokenizer"
)

// Errors of the packages name fields, functions and keys of a recipe, because programs use the packages, too. Users of the
// command line need flags and commands instead: this file adds them.

// hint is the remedy for an error in terms of the command line; "" if the error's own text is enough.
func hint(command string, err error) string {
	const record = "reprise record --model DIR --data FILE --out FILE"
	train := command == "train"
	switch _, shard := errors.AsType[*replay.ShardError](err); {
	case errors.Is(err, run.ErrInterrupted) && train:
		return "continue with --resume"
	case errors.Is(err, run.ErrNotEmpty) && train:
		return "choose another --out, or continue with --resume"
	case (errors.Is(err, run.ErrNotThisRun) || errors.Is(err, run.ErrBusy)) && train:
		return "choose another --out"
	case errors.Is(err, replay.ErrExists) && train:
		return "choose another --record-out"
	case errors.Is(err, replay.ErrExists):
		return "choose another --out"
	case shard:
		return "join the shards with: reprise record merge --out FILE SHARD..."
	case errors.Is(err, replay.ErrRecordAgain):
		return "record again with: " + record
	case errors.Is(err, golden.ErrNothing):
		return "reference outputs are written by: python3 scripts/goldens.py DIR; the engine's own hashes by: reprise verify --write DIR"
	case errors.Is(err, golden.ErrStale):
		return "compare with the reference and store new hashes with: reprise verify --write DIR"
	case errors.Is(err, tokenizer.ErrNeedsDate) && slices.Contains([]string{"record", "train", "eval", "inspect", "generate"}, command):
		return "give the day with --chat-date YYYY-MM-DD"
	case errors.Is(err, data.ErrNothing) && (train || command == "record" || command == "eval"):
		return "leave such rows out with --skip-empty"
	case errors.Is(err, replay.ErrNotRecord):
		return "make a record with: " + record
	}
	return ""
}

// flagged replaces the recipe keys in a run's warnings by flags.
var flagged = strings.NewReplacer(
	"tail: sampled", "--tail sampled",
	"refresh.rho_above", "--refresh-rho-above",
)
