package run

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"reprise/optim"
	"reprise/replay"
)

// digestCases hold digests that were computed before there was a table of keys. Every checkpoint and every cell of a comparison
// holds such a digest: if one changed, runs that were begun earlier could not be resumed.
var digestCases = []struct {
	name   string
	change func(*Recipe)
	run    string // the digest of the run
	text   string // SHA-256 of the recipe's text without paths, as package compare hashes it
}{
	{"defaults", func(*Recipe) {},
		"5344c4f1a2ed17d02e0ca73b9e4493e970b92fbcadde1369f728a81c05a31c85", "59cca673b62149508a53c57a33ecf4ef6cc3902f0106d5e7459d3770be594def"},
	{"keys that do not change the result", func(r *Recipe) {
		r.MicroBatchSize, r.Recompute, r.DType, r.Eval.Every, r.Save = 2, true, "f32", 3, SavePlan{Every: 5, KeepLast: 7}
	},
		"5344c4f1a2ed17d02e0ca73b9e4493e970b92fbcadde1369f728a81c05a31c85", "66971d3b0a77afdcc36613f88e1bc6a67aac22efd339d51f6bca7a6edae89039"},
	{"the bare loss, adam-atan2", func(r *Recipe) { r.Tail, r.Name, r.A, r.B = "none", optim.AdamAtan2, 1, 0.5 },
		"61a24542b22ae04b3daa04d687681999e8d97695d6b7bb542072b7a3fab65929", "922be512ab15450eb855bcb37a979a806a48450f2aedaba925ab448a51e92018"},
	{"full, adamw", func(r *Recipe) { r.Loss, r.Config = "full", optim.DefaultConfig(optim.AdamW) },
		"22c0916b51d12e0aada049b57c0bd118edcf766d13862dc5e6c83102e20bc859", "265a43043d8773a1c8e910d5d83c6be49f3bcf1c8474dca34e71e2fec1914bff"},
	{"adatam, gamma", func(r *Recipe) { r.Name, r.Gamma = optim.AdaTAM, 0.5 },
		"1b7ed7eff9b4b57874189c63010c812099c423dea20691a0277c7f1020795e16", "0da50e9cb3916f74504cf67c5736c43c6bdc773a5c1daf768466644e294944c1"},
	{"adatam, gamma as by default", func(r *Recipe) { r.Name, r.Gamma = optim.AdaTAM, 0.9 },
		"db7cdaa46fee189e497dcf136e637595143d5e4e0dfcb46a22ed2176f0af9411", "bab8dc685b8ade86e2cc388d56302d2caff4c0e4158b41b62dfc6d95d80bc010"},
	{"mofo, fraction", func(r *Recipe) { r.Name, r.Fraction = optim.MoFO, 0.3 },
		"0c64dc3ad1c3f20cc97b1408374fa22f79ef90134ae8a19b85dd1285120592ca", "5b6991438d1fde72068801220aa38503702f09e4e117552027e828c60cd24c94"},
	{"anchored and mixed", func(r *Recipe) { r.KL, r.Mix, r.ReplayMix = 0.5, r.Replay, 0.4 },
		"4253c812e65a0179432dd60e28afdc6fc6e88dfa892c20eb44dd4da8c63f203e", "67369440e8073dc41b28059bc5fbf3a95d25346579e4a4022973c49525e8530b"},
	{"refreshed", func(r *Recipe) {
		r.Out, r.Refresh = r.Model+"-new", RefreshPlan{EveryEpochs: 1, RhoAbove: 0.3, CheckEvery: 9}
	},
		"ad1c36d20e86c70ca4abfa73954f717014146461d7cf86f79cdba8183f58a371", "279bcb56d65dba3d2c574bc697f6b00f82fd28ced2761cf5bb7b0c4738acd834"},
	{"every other key", func(r *Recipe) {
		r.Beta1, r.Beta2, r.Eps, r.WeightDecay, r.Decay, r.MaxGradNorm = 0.8, 0.99, 1e-6, 0, "none", 0
		r.Delta, r.Scope, r.Overshoot, r.VFrom, r.CapStart, r.Cap1D, r.KeepNorm = 45, "global", "project", "raw", 3, false, false
		r.LR, r.Schedule, r.WarmupRatio, r.FinalLRRatio = 2e-4, "linear", 0, 0.1
		r.Epochs, r.MaxSteps, r.GlobalBatchSize, r.MaxSeqLen, r.Seed = 1, 17, 4, 32, 1<<64-1
		r.TailN, r.Proposal = 16, "uniform"
	},
		"1bffb528fe7201fd4c77f11d6da4df4994c18ed73dcb63e952a80581511dd747", "08a213321280c90de71a13f94944792e4c718d16e47d1daa66072c5028482537"},
	{"full on text, recorded", func(r *Recipe) {
		r.Loss, r.Data, r.Replay, r.DType = "full", r.Replay[:len(r.Replay)-len(".replay")]+".jsonl", "", "f32"
		r.Out, r.Record = r.Model+"-run", RecordPlan{Out: r.Model + "-run.replay", Rule: replay.Rule{Tau: 0.9, KMin: 2, KMax: 12}}
	},
		"106bb001ed2394070d5d7b3177d8c4ecb9f306c7af3c3496918c0c2b75d26e1c", "bf794808931b71bc99309d060538b9015e61ef794d078c66948f58c89ed2d33f"},
}

// TestDigestsStay: the digest of a recipe is the one that earlier programs computed.
func TestDigestsStay(t *testing.T) {
	w := newWorkshop(t)
	for _, c := range digestCases {
		r := w.recipe("")
		r.Out = ""
		c.change(&r)
		run, err := Open(r, w.pool, false)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if run.digest != c.run {
			t.Errorf("%s: digest %s, want %s", c.name, run.digest, c.run)
		}
		r.Model, r.Data, r.Out, r.Replay, r.Mix, r.Record.Out = "", "", "", "", "", ""
		text := r.DigestText()
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != c.text {
			t.Errorf("%s: %x is the SHA-256 of %s, want %s", c.name, sum, text, c.text)
		}
	}
}
